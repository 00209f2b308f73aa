"""Shapes that identifiers have in whatever column they stand, also inside a sentence.

The patterns are RE2's: they know Unicode classes and cannot look around, so what must stand before
and after is part of the pattern. Each is read against normalised text: see `cells`.
"""

from iop_outcomes.records.deidentification.cells import BEYOND
from iop_outcomes.records.deidentification.identifiers import Identifier

# Around a number: not the middle of a longer number, code, version or decimal.
START = r"(?:^|[^\d./\-]|[^\d][./\-])"
TIGHT = rf"(?:^|[^\w{BEYOND}./\-])"
END = r"(?:$|[^\d./\-]|[./\-](?:\D|$))"
OUTSIDE_WORD = rf"(?:^|[^\w{BEYOND}])"
WORD_END = rf"(?:$|[^\w{BEYOND}])"

YEAR = r"(?:19|20)\d\d"
MONTH, MONTH_2 = r"(?:0?[1-9]|1[0-2])", r"(?:0[1-9]|1[0-2])"
DAY, DAY_2 = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0[1-9]|[12]\d|3[01])"
LONG_MONTH = (
    r"(?:january|february|march|april|june|july|august|september|october|november|december"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)"
)
NAMED_MONTH = (
    rf"(?:{LONG_MONTH}|jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|ene|abr|ago|dic)\.?"
)
ORDINAL = r"(?:st|nd|rd|th)?"

DATES = (
    rf"{START}{YEAR}[-/.]{MONTH}[-/.]{DAY}{END}",
    rf"{START}{DAY}[-/.]{DAY}[-/.]{YEAR}{END}",
    rf"{TIGHT}(?:{MONTH}/{DAY}|{DAY}/{MONTH})/\d\d{END}",
    rf"{TIGHT}(?:{MONTH_2}-{DAY_2}|{DAY_2}-{MONTH_2})-\d\d{END}",
    rf"{TIGHT}(?:{MONTH_2}\.{DAY_2}|{DAY_2}\.{MONTH_2})\.\d\d{END}",
    rf"(?i)(?:^|[^\d./\-]){DAY}{ORDINAL}[\s./-]*(?:(?:of|de)\s+)?{NAMED_MONTH}"
    rf"[\s,./-]*(?:(?:of|de)\s+)?'?(?:{YEAR}|\d\d){END}",
    rf"(?i){OUTSIDE_WORD}{NAMED_MONTH}[\s./-]*{DAY}{ORDINAL}[\s,./-]+(?:{YEAR}|'\d\d){END}",
    rf"(?i){OUTSIDE_WORD}{NAMED_MONTH}[\s,./'-]*{YEAR}{END}",
    rf"(?i){START}{YEAR}[\s./-]*{NAMED_MONTH}(?:[\s./-]*{DAY})?{WORD_END}",
    rf"(?i)^(?:[a-z]+day,?\s+)?(?:{LONG_MONTH}|{NAMED_MONTH}[\s-]*{DAY}{ORDINAL}|{DAY}{ORDINAL}[\s-]*{NAMED_MONTH})$",
    rf"(?i){OUTSIDE_WORD}(?:spring|summer|fall|autumn|winter|easter|thanksgiving|christmas)"
    rf"\s+(?:of\s+)?{YEAR}{END}",
    rf"{START}(?:{YEAR}[-/]{MONTH_2}|{MONTH_2}[-/]{YEAR}){END}",
    rf"(?i){OUTSIDE_WORD}(?:{YEAR}[\s-]*Q[1-4]|Q[1-4][\s/'-]*{YEAR}|{YEAR}-?W[0-5]\d){END}",
    rf"^{YEAR}{MONTH_2}{DAY_2}(?:[T ]?\d{{4}}(?:\d\d)?|[T ]\d\d:?\d\d.*)Z?$",
)
# Eight digits are a date only where a whole column of them is.
EIGHT_DIGITS = rf"{YEAR}{MONTH_2}{DAY_2}|{MONTH_2}{DAY_2}{YEAR}|{DAY_2}{MONTH_2}{YEAR}"
SIX_DIGITS = rf"\d\d{MONTH_2}{DAY_2}|{MONTH_2}{DAY_2}\d\d|{DAY_2}{MONTH_2}\d\d"

STATE = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]"
    "|T[NX]|UT|V[AT]|W[AIVY]"
)
WAY = "street|avenue|ave|boulevard|blvd|road|lane|drive|terrace|circle|parkway|highway|place"
SHORT_WAY = "St|Rd|Ln|Dr|Ct|Court|Way|Pl|Ter|Cir|Pkwy|Hwy|Sq|Square|ST|RD|LN|DR|CT|HWY"
UNIT = r"(?:$|,|\.|\s+(?:apt|apartment|unit|suite|ste|no|#)|\s*#)"
STREETS = (
    rf"(?i)(?:^|[\s,:;(])\d{{1,6}}[a-z]?\s+(?:[nsew]\.?\s+)?[\w{BEYOND}'.-]+"
    rf"(?:\s+[A-Za-z{BEYOND}'.-]+)?"
    rf"\s+(?:{WAY})\.?{UNIT}",
    rf"(?:^|[\s,:;(])\d{{1,6}}[A-Za-z]?\s+(?:[\p{{Lu}}\d][\w{BEYOND}'.-]*\s+){{1,3}}"
    rf"(?:{SHORT_WAY}|(?i:{WAY}))\.?{WORD_END}",
    rf"(?i){OUTSIDE_WORD}(?:p\.?\s?o\.?\s?box|rural route|apt\.?|apartment)\s*#?\d+",
)

OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
GROUP = r"[0-9a-f]{1,4}"
PAIR = r"[0-9a-f]{2}"
LETTER_9 = "[AC-HJKMNP-RT-Y]"  # of a Medicare number

SHAPES = {
    Identifier.SOCIAL_SECURITY: (
        r"(?:^|[^\d.\-])\d{3}[-. ]\d{2}[-. ]\d{4}(?:$|[^\d\-])",
        r"(?i)(?:x{3}|\*{3})-?(?:x{2}|\*{2})-?\d{4}",
        r"(?i)(?:ssn|social security)\D{0,15}\d{4}",
    ),
    Identifier.PHONE: (
        r"(?:^|[^\d.\-/])(?:\+?1[\s.\-/]{0,2})?(?:\(\d{3}\)\s?|\d{3}[\s.\-/]{1,3})\d{3}[\s.\-]{0,3}\d{4}"
        rf"(?:\s*(?i:x|ext\.?)\s*\d+)?{END}",
        r"^(?:\+?1)?[2-9]\d{2}[2-9]\d{6}$",
        r"(?:^|[^\d])(?:\+|011[\s.\-])\d{1,3}[\s.\-(]{1,2}(?:\d{1,5}[\s.\-()]{1,2}){1,5}\d{2,9}",
        r"(?:^|[^\d])\+[1-9]\d{9,14}(?:$|\D)",
        r"(?i)(?:tel|phone|cell|fax|call)\S{0,3}\s{0,2}\d{3}[\s.\-]?\d{4}",
    ),
    Identifier.EMAIL: (
        rf"[\w{BEYOND}%+'\-](?:@|\s?[\[(]\s?(?i:at)\s?[\])]\s?)"
        rf"(?:[\w{BEYOND}\-]+\s?(?:\.|[\[(]\s?(?i:dot)\s?[\])])\s?)+[A-Za-z{BEYOND}]{{2,}}",
        rf"(?i)[\w{BEYOND}]\s+at\s+[\w{BEYOND}\-]+\s+dot\s+[a-z]{{2,}}",
    ),
    Identifier.DATE: DATES,
    Identifier.PLACE: (
        r"(?:^|[^\d./\-])\d{5}-\d{4}(?:$|[^\d\-])",
        rf"(?:^|[\s,])(?:{STATE})\.?,?\s+\d{{5}}{WORD_END}",
    ),
    Identifier.ADDRESS: STREETS,
    Identifier.COORDINATES: (
        r"(?:^|[^\d.])[-+]?\d{1,2}\.\d{3,}°?\s*[NS]?\s*[,;/\s]\s*[-+]?\d{1,3}\.\d{3,}",
        r"\d{1,3}\s?°\s?\d{1,2}(?:\.\d+)?\s?['′]",
        r"(?i)^POINT\s*\(",
    ),
    Identifier.ACCOUNT: (
        r"(?:^|[^\d\-])\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}(?:$|[^\d\-])",
        rf"{OUTSIDE_WORD}[1-9]{LETTER_9}[AC-HJKMNP-RT-Y0-9]\d-?{LETTER_9}[AC-HJKMNP-RT-Y0-9]\d-?"
        rf"{LETTER_9}{{2}}\d\d{WORD_END}",
    ),
    Identifier.RECORD: (r"(?i)(?:mrn|medical record|chart)\s?(?:no|number|#)?[\s.:#]{0,3}\d{4,}",),
    Identifier.DEVICE: (
        rf"(?i)(?:^|[^0-9a-f:\-])(?:(?:{PAIR}:){{5}}|(?:{PAIR}-){{5}}){PAIR}(?:$|[^0-9a-f:\-])",
        rf"(?i)(?:^|[^0-9a-z.])(?:{PAIR}{PAIR}\.){{2}}{PAIR}{PAIR}(?:$|[^0-9a-z.])",
        r"(?i)imei\D{0,5}\d{15}",
    ),
    Identifier.URL: (
        rf"(?i)(?:https?|ftps?|sftp)://|(?:^|[^\w{BEYOND}@.])www\.[\w{BEYOND}]",
        rf"(?i)(?:^|[^\w{BEYOND}@.\-])(?:[\w{BEYOND}\-]+\.)+(?:com|org|net|edu|gov|info|io)"
        rf"(?:$|[^\w{BEYOND}@\-])",
        rf"(?i)(?:^|[^\w{BEYOND}@.\-])(?:[a-z][\w\-]*\.)+[a-z]{{2,6}}/\w",
        rf"^@[\w{BEYOND}.]{{2,}}$",
    ),
    Identifier.IP: (
        rf"(?:^|[^\d.])(?:{OCTET}\.){{3}}{OCTET}(?:$|[^\d.]|\.(?:\D|$))",
        rf"(?i)(?:^|[^\w{BEYOND}:])(?:(?:{GROUP}:){{7}}{GROUP}"
        rf"|(?:{GROUP}:){{1,6}}(?::{GROUP}){{1,6}}|(?:{GROUP}:){{2,7}}:)(?:$|[^\w{BEYOND}:])",
    ),
    Identifier.BIOMETRIC: (r"(?i)^data:image/", r"(?i)\.(?:jpe?g|png|heic|tiff?|dcm|wav|mp3|mp4)$"),
    Identifier.HASH: (r"^(?:[0-9a-f]{40}|[0-9a-f]{64}|[0-9A-F]{40}|[0-9A-F]{64})$",),
}
NINE_DIGITS = r"(?:00[1-9]|0[1-9]\d|[1-57-8]\d\d|6[0-57-9]\d|66[0-57-9])\d{6}"  # as issued
VEHICLE_NUMBER = r"[A-HJ-NPR-Z0-9]{17}"
PLATE = r"[A-Z0-9]{1,4}[ -]?[A-Z0-9]{2,4}"

# Cells that hold nothing by themselves: short numbers, decimals, short codes and words.
PLAIN = r"[A-Za-z]{0,3}-?\d{1,6}|[-+]?\d{1,6}(?:\.\d*)?|[A-Za-z]{1,2}"
