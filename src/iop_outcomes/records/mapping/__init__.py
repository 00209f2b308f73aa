"""A first guess at how a site's files read as records: what `iop-outcomes init` writes."""
