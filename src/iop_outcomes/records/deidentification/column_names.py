"""What a column's name gives away, however its words are joined."""

import re
import unicodedata

from iop_outcomes.records.deidentification.identifiers import Identifier

WHOSE = (
    "first|last|full|middle|maiden|given|family|patient|pt|person|client|member|user|contact"
    "|mother|father|parent|spouse|partner|guardian|child|sibling|relative|kin|employer|school"
    "|doctor|physician|clinician|therapist|counsell?or|nurse|provider|staff|sponsor|legal|birth"
    "|case_?manager|case_?worker|attending|preferred|nick|sur|f|l|m"
)
NO = "_?(?:no|nr|nos|num|nbr|number|numbers)"
NO_OR_ID = "_?(?:no|nr|nos|num|nbr|number|numbers|id|ids|code)"
# Names under which identifiers travel whatever is in the cells; `_` stands around every word.
NAMES = {
    Identifier.NAME: (
        r"^_names?_$",
        rf"_(?:{WHOSE})_?(?:names?|nm)_?\d*_",
        r"_name_?(?:first|last|middle|full)_",
        r"_(?:surnames?|initials|alias(?:es)?|signatures?|next_of_kin|emergency_contacts?)_",
        r"_(?:nombres?|apellidos?)_",
    ),
    Identifier.ADDRESS: (
        r"^_street_?\d*_$",
        r"_(?:street_?|mail_?|home_?|mailing_?|postal_?)?addr(?:ess(?:es)?)?(?:_?lines?)?_?\d*_",
        rf"_street(?:_?name|_?line|{NO})_|_apartment{NO}_|_direccion_",
    ),
    Identifier.PLACE: (
        r"_zip_?(?:codes?|cd)?_?(?:5|9|4|plus_?4)?_|_zcta5?_|_post_?codes?_|_postal_?codes?_",
        r"_(?:(?:home|residence|birth|patient|mailing|facility)_?)?"
        r"(?:city|county|township|municipality|neighbou?rhood)(?:_?name|_?code|_?fips)?_$",
        r"_(?:city|town|county|place)_of_|_census_?(?:tract|block)|_fips_?county_",
        r"_(?:facility|clinic|hospital)_?name_",
    ),
    Identifier.COORDINATES: (r"_(?:latitudes?|longitudes?|gps|geocodes?|lat_?(?:lon|lng|long))_",),
    Identifier.DATE: (
        r"_(?:date|do)_?(?:of_?)?birth_|_birth_?(?:dates?|dts?|days?|month)_|_dob_|_born_on_",
        r"_(?:admission|admit|discharge|death|exit|entry)_?month_",
        r"_month_of_(?:admission|discharge|birth|death)_|_fecha_(?:de_)?nacimiento_",
    ),
    Identifier.PHONE: (
        rf"_(?:home|work|cell|mobile|day|evening|primary|contact|patient)?_?(?:tele)?phones?"
        rf"(?:{NO_OR_ID})?_?\d*(?:_?(?:home|work|cell|mobile|primary|other))?_$",
        rf"_(?:home|work|cell)?_?tel(?:efono)?(?:{NO})?_$|_fax(?:es)?(?:{NO})?_?\d*_|_pager_",
        rf"^_(?:mobile|cell)_$|_(?:mobile|cell|contact){NO}_",
    ),
    Identifier.EMAIL: (r"_e_?mails?(?:_?addr(?:ess(?:es)?)?)?_?\d*_|_correo_",),
    Identifier.SOCIAL_SECURITY: (
        rf"_ssns?_?\d*_|_ss{NO}_|_soc(?:ial)?_?sec(?:urity)?(?:{NO})?_|_tax_?id_|_itin_",
    ),
    Identifier.RECORD: (
        rf"_mrns?_|_mr{NO}_|_med(?:ical)?_?rec(?:ord)?s?(?:{NO_OR_ID})?_|_hospital{NO}_",
        rf"_(?:chart|health_?record){NO_OR_ID}_",
    ),
    Identifier.ACCOUNT: (
        r"^_account_$|_(?:drivers?_?)?licen[cs]es?_|_(?:passports?|mbi|hicn|iban)_",
        r"_(?:account|acct|policy|subscriber|insurance|insured|beneficiary|medicaid|medicare"
        rf"|member|health_?plan|certificate|credit_?card|card|bank|dea){NO_OR_ID}_",
    ),
    Identifier.VEHICLE: (
        rf"_vins?_|_(?:(?:licen[cs]e|number|vehicle|car)_?plates?|plate{NO}|vehicle{NO_OR_ID})_",
    ),
    Identifier.DEVICE: (
        rf"_(?:device|equipment|implant|pacemaker|handset|serial){NO_OR_ID}_|_imei_|_udi_",
        r"_(?:device|pacemaker|implant|pump)_?serial_|_mac_?addr|_advertising_?id_",
    ),
    Identifier.URL: (
        r"_(?:web_?)?urls?_|_home_?pages?_|_web_?(?:site|page)s?_",
        r"_(?:facebook|instagram|twitter|linkedin)_",
    ),
    Identifier.IP: (r"^_ip_$|_ip_?(?:v[46]_?)?addr|_ip_?v[46]_|_i_pv[46]_",),
    Identifier.BIOMETRIC: (
        r"_(?:photo(?:graph)?s?|fingerprints?|voice_?prints?|biometrics?|face_?(?:images?|photos?))_",
        r"_(?:iris|retina)_?scans?_",
    ),
}

# A column about such a thing, that does not hold it: `account_type`, `has_phone`, `mobile_crisis`.
ABOUT = re.compile(
    r"^_(?:has|have|had|is|any|number_of|count_of|n|owns)_"
    r"|_(?:type|kind|class|counts?|rate|flag|yn|status|change[sd]?|sessions?|visits?|calls?|known"
    r"|available|consent|verified|missing|present|required|score|stability|instability|source"
    r"|method|counsell?ing|therapy|support|reminders?|follow_?up|preference|permission|problems?"
    r"|days|hours|minutes|suspended|revoked|risk|crisis|drugs?|use|used|outreach|checks?)_$"
)
THREE_DIGITS = re.compile(
    r"_zip_?(?:codes?_?)?3(?:_?digits?)?_|_(?:3|three)_?digits?_zip|_zip_?(?:code_?)?prefix_"
)

# Names that do not condemn a column, and make its cells readable in another light.
DATED = re.compile(
    r"_(?:dates?|dt|dttm|datetime|timestamp|time_?stamp|fecha|admitted|discharged|died)_"
    r"|_(?:on|at)_$|[a-z](?:date|datetime)_$"
)
AGED = re.compile(r"_(?:age|ages|aged|edad)_?(?:in_)?(?:ye?a?rs?)?_")
NOT_IN_YEARS = re.compile(r"_(?:months?|days?|weeks?|hours?|group|band|category|code)_")
PLACED = re.compile(
    r"_(?:zip|zips|zip_?code\w*|zip\d|postal|zcta|location|area|residence|home|geo|place)_"
)
MAPPED = re.compile(r"_(?:lat|lon|lng|long|gps|geo|coords?|coordinates?|northing|easting)_")
NUMBERS_OF_PEOPLE = re.compile(
    rf"_(?:patient|client|chart|record|hospital|claim|encounter|member|account|subscriber){NO_OR_ID}_"
)
OF_A_DICTIONARY = re.compile(r"_(?:concept|snomed|sctid|rxnorm|rxcui|ndc|loinc|npi)_")
OF_SOMEONE = re.compile(
    r"_(?:counsell?or|clinician|therapist|physician|doctor|nurse|prescriber|caseworker|staff"
    r"|case_manager|guardian|spouse|mother|father|next_kin|sponsor|entered_by|reviewed_by"
    r"|signed_by|referred_by|attending|contact|patient|client|person)_$"
)
OF_A_CALL = re.compile(r"_(?:phone|tel|mobile|cell|call|contact|fax)_")
OF_A_VEHICLE = re.compile(r"_(?:vehicle|car|plate|registration|auto)_")
OF_A_DEVICE = re.compile(r"_(?:device|implant|pacemaker|pump|handset|serial|phone)_")
OF_REMARKS = re.compile(
    r"_(?:notes?|comments?|narratives?|remarks?|free_?text|verbatim|summary|details|specify)_"
)


def in_words(column: str) -> str:
    """A column's name in lower case with one underscore around each word.

    Examples
    --------
    >>> in_words("Patient Name"), in_words("dateOfBirth"), in_words("E-mail"), in_words("SSNumber")
    ('_patient_name_', '_date_of_birth_', '_e_mail_', '_ss_number_')
    """
    plain = unicodedata.normalize("NFKD", str(column))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    return f"_{re.sub('[^a-z0-9]+', '_', apart.lower()).strip('_')}_"


def identifiers_named(words: str) -> list[Identifier]:
    """The identifiers that a column of this name holds, whatever its cells look like.

    Examples
    --------
    >>> identifiers_named("_home_phone_"), identifiers_named("_phone_sessions_")
    ([<Identifier.PHONE: 'telephone or fax numbers'>], [])
    """
    if ABOUT.search(words):
        return []
    found = [
        identifier for identifier, patterns in NAMES.items() if re.search("|".join(patterns), words)
    ]
    if THREE_DIGITS.search(words) and Identifier.PLACE in found:
        found.remove(Identifier.PLACE)
    return found
