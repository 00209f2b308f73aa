"""Estimates for machines: what `dvc metrics` compares."""

import json

import pandas as pd

from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.report.disclosure import Released


def metrics_text(estimates: Released, facts: dict) -> str:
    """Weighted estimates for `dvc metrics`, rounded so that another machine's last bits agree."""
    table = main_rows(estimates.table)
    metrics: dict = {}
    for row in table.to_dict("records"):
        metrics.setdefault(row["outcome"], {})[row["measure"]] = {
            "estimate": _rounded(row["estimate"]),
            "conf_low": _rounded(row["conf_low"]),
            "conf_high": _rounded(row["conf_high"]),
            **({"verdict": row["verdict"]} if isinstance(row["verdict"], str) else {}),
        }
    metrics["protocol_hash"] = facts["protocol_hash"]
    metrics["protocol"] = facts["standing"].facts
    return json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)
