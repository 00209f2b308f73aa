"""Days, codes, scores and labels that resemble identifiers raise no alarm."""

import pandas as pd

from iop_outcomes.records.deidentification import refuse_identifiers

HARMLESS = """
    column               | cell
    start_day            | -365
    end_day              | 40000
    admission_year       | 2024
    span                 | 2017-2020
    span                 | 2015-16
    age_years            | 40
    age_years            | 90
    age_group            | 90+
    age_months           | 140
    AGE                  | 12
    age_first_use        | 11 and under
    patient_id           | 361205
    CASEID               | 20171889514
    CBSA2010             | 21820
    person_id            | P000123
    facility_id          | F-001-22
    facility_id          | F001
    stay_id              | S000001-2
    diagnosis            | F11.20
    diagnosis            | Z59.01
    diagnosis            | 303.90
    procedure            | H0015
    procedure            | 90834-95
    ndc                  | 12345-6789-01
    snomed_code          | 386661006
    loinc                | 10449-7
    score                | 12.5
    score                | 0.683333333333333
    Y                    | 5.23644196282995
    mcs                  | 25.1119899749756
    weight               | -0.930955796
    bac                  | 5.55111512312578e-17
    blood_pressure       | 120/80
    ratio                | 5/10
    time                 | 08:15:00
    per_day              | 31 OR MORE
    length_of_stay       | 121-180 days
    wait_time_days       | 15-30 days
    pattern              | *---oo-o-o-o+oo
    instrument           | phq9
    version              | 2.10.3
    treatment            | Outpatient BUP + EMM
    treatment            | Inpatient NR-NTX
    race                 | Native Hawaiian or Other Pacific Islander
    race                 | Two or more races
    ethnicity            | Puerto Rican
    ethnicity            | Cuban/Other Hispanic
    marital_status       | Now Married
    marital              | Separated/Divorced/Widowed
    state                | North Carolina
    state                | District of Columbia
    state                | Virginia
    region               | US territories
    employment           | Not in labor force
    education            | 4 years of college, university, BA/BS, some postgraduate study, or more
    insurance            | Medicare, other (e.g. TRICARE, CHAMPUS)
    services             | Rehab/residential, short term (30 days or fewer)
    level                | Partial Hospitalization
    level                | Intensive Outpatient Program
    payer                | Blue Cross/Blue Shield
    payer                | Self-pay
    reason               | Terminated By Facility
    disorder             | Alcohol Use Disorder
    disorder             | Attention deficit/disruptive behavior disorders
    medication           | Buprenorphine Film
    substance            | Cocaine/crack
    primary_language     | Haitian Creole
    counselor            | Psychologist
    mobile_crisis        | yes
    street_drugs         | 3
    instrument_name      | GAD-7
    substance_name       | heroin
    programme_name       | evening track
    account_type         | savings
    account_type         | 2
    phone_sessions       | 4
    has_phone            | no
    address_changes      | 2
    email_consent        | yes
    zip3                 | 606
    zip_code_3           | 941
    zipped               | no
    licence_status       | suspended
    shipping             | no
    living_arrangement   | unnamed
    hospitalizations     | 3
    latency              | 41.87
    days_since_last_date | 45
    admission_date       | 2024
    update_count         | 45322
    language             | English
    percentage           | 97
    dosage               | 95
    months_abstinent     | 18
    comments             | none
    ip_days              | 12
    vinpocetine          | no
    device_count         | 2
    sex                  | Female
    veteran              | Not known
    is_friend            | 1
    medication           | Adderall XR
    support_group        | Narcotics Anonymous
    religion             | Roman Catholic
    answer               | Strongly Agree
    address_risk         | 2
    licence_class        | C
    trial                | NCT01234567
    dose                 | 8-16 mg
    fiscal_year          | FY2023
    lab                  | 12,345.67
"""


def rows_of(table):
    lines = [line.strip() for line in table.strip().splitlines()][1:]
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines]


def test_what_only_looks_like_an_identifier_raises_no_alarm():
    """All in one table, so that the sentence of a refusal would name every wrong alarm."""
    columns, cells = zip(*rows_of(HARMLESS), strict=True)
    table = pd.DataFrame([["1"] * len(cells), ["2"] * len(cells)] * 12, dtype="str")
    table.iloc[5] = list(cells)
    table.columns = columns
    assert refuse_identifiers(table, "stays.csv") is table


def test_nor_does_it_where_it_is_all_that_a_column_holds():
    columns, cells = zip(*rows_of(HARMLESS), strict=True)
    table = pd.DataFrame([cells], columns=columns)
    assert refuse_identifiers(table, "stays.csv") is table


def test_they_are_more_than_fifty():
    assert len(rows_of(HARMLESS)) > 50
