"""Words that tell a label from a name: small on purpose, and data, not code.

Words that are also surnames (white, black, young, long, rich, price) are left out of the labels,
and given names that are also words (hope, grace, will, may) or states out of the names.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(","))


# Of treatment and its places; of people, as categories; of answers, regions and tables.
LABEL_WORDS = _words(
    """abuse active acute addiction admission admitted aftercare agency alcohol ambulatory
    amphetamine amphetamines anxiety assessment assisted assistance attendance barbiturate
    barbiturates behavior behavioral behaviour benzodiazepine benzodiazepines bipolar brief bup
    buprenorphine campus cannabis care case center centre charity chronic clinic clinical cocaine
    cognitive community completed compensation condition contingency continuing counseling
    counselling counselor counsellor counter court crack criminal crisis daily day days deficit
    dependence dependent depression depressive detox detoxification diagnosis disability discharge
    discharged disorder disorders disruptive dose dropped drug drugs duration eap emergency episode
    episodes facility family fentanyl follow followup frequency group groups hallucinogen
    hallucinogens halfway harm hashish health healthcare healthy heroin home hospital
    hospitalization hour hourly house housing hypnotic hypnotics individual induced induction
    inhalant inhalants injection inpatient insurance intensity intensive intervention interview
    intoxication justice legal level light low maintenance managed management marijuana medicaid
    medical medicare medication medications medicine meeting mental methadone methamphetamine mild
    missing moderate monitoring monitored motivational muscle naloxone naltrexone nicotine non
    opiate opiates opioid opioids oral other outpatient outreach overdose oxycodone pain partial
    patient peer pharmacy phase plan practice prescription prevention primary prior probation
    program programme programs provider psychiatric psychiatrist psychological psychologist
    psychotherapy psychotic recovery reduction referral rehab rehabilitation relapse relaxant
    reported residential schizophrenia screening secondary sedative sedatives self service services
    session severe severity shelter smoking sober social special specialist specialty speed
    stabilization step stimulant stimulants study substance substances suicide support suspected
    synthetic synthetics syndrome taper team telehealth tertiary test therapist therapy tobacco
    tranquilizers trauma treatment unit urgent urine use user virus visit week weekly withdrawal
    worker workers hepatitis diabetes hypertension asthma cancer disease chlorhydrate
    hydrochloride tablet film extended release nurse physician social club foundation
    drinking heavy homelessness experiencing using stable unstable binge
    inability injecting sharing stigma craving cravings attempt thoughts psychosis mood eating
    personality traumatic stress hyperactivity conduct gambling sleep
    adult adults adolescent adolescents african alaska alaskan american americans arab asian
    atlantic bisexual caribbean caucasian child children chinese christian cohabiting college
    common cuban currently deceased dependents divorced dominican dutch east eastern education
    educational ethnicity european female females filipino force formal free french full gay
    gender german government grade grades graduate greek hawaiian heterosexual high hispanic
    hmong homeless income independent indian indigenous italian japanese jewish job kindergarten
    korean labor labour latina latino latinx law lesbian living male males man married men mexican
    middle military minor minors multiracial muslim native never nonbinary nonhispanic northern
    nursery old one orthodox pacific parent parents part partnered pension people person polish
    portuguese postgraduate pregnant protestant puerto race races rican retired retirement rural
    russian salary school schooling separated single some southern spanish spouse student suburban
    supported term time times transgender tribal tribe two three unemployed university unmarried
    urban vietnamese vocational wages western widowed woman women years year month months
    absent all answered any applicable arms available blue central champus changed charge
    club cross declined deficit degree denied district division dui dwi eap emm employed employer
    employment end enrolled equal error evening failed false fewer fifth first five four fourth
    fewer friend friends ged greater half hmo idu in incarcerated ineligible invalid island islands
    jail known last late later left less list lost major many mdma more most mountain moved
    negative neither new no none north northeast northwest not now ntx number of off on only open
    or otc out over overall own past payment payments per planned positive possible post prefer
    present prison private probable public randomized randomised rate reason received refused
    region regular rejected result rx same sample score second selected seldom send shield site
    smm south southeast southwest standard standing started state status street sub summer
    supervised supervision terminated territories third to total transferred transportation
    tricare true type uds unable under unknown unspecified up us usual vacation value very
    violation voluntary wait waiting xr anonymous witness catholic meth model agree
    disagree strongly with within without work working yes yet and by
    at for from the is as than nor
    monday tuesday wednesday thursday friday saturday sunday english creole arabic mandarin
    cantonese tagalog somali sign language"""
)
# What long labels are joined with.
FUNCTION_WORDS = _words(
    """a an b ba bs d e g f m s r hr hrs iop php aod long short white black brown aged age arrests
    blue crack includes including exceeds approximately research teaching university
    jersey charge hospitals days past cared private psychosis attention alcohol non use abuser
    postsecondary specify see note also etc each every if then when while who which whose that this
    these those into between during before after since until about above below through both such
    be been being are was were has have had do does did can could may might will would should
    older younger adult"""
)
# Whole cells that are capitalised like names.
PLACES = _phrases(
    """alabama, alaska, arizona, arkansas, california, colorado, connecticut, delaware,
    district of columbia, florida, georgia, hawaii, idaho, illinois, indiana, iowa, kansas,
    kentucky, louisiana, maine, maryland, massachusetts, michigan, minnesota, mississippi, missouri,
    montana, nebraska, nevada, new hampshire, new jersey, new mexico, new york, north carolina,
    north dakota, ohio, oklahoma, oregon, pennsylvania, rhode island, south carolina, south dakota,
    tennessee, texas, utah, vermont, virginia, washington, west virginia, wisconsin, wyoming,
    puerto rico, virgin islands, us virgin islands, guam, american samoa, washington dc,
    washington d.c., united states, united states of america, united kingdom, el salvador,
    costa rica, sri lanka, saudi arabia, hong kong, sierra leone, cape verde, viet nam,
    great lakes, great plains, cross active study"""
)
GIVEN_NAMES = _words(
    """james john robert michael david william richard joseph thomas charles christopher daniel
    matthew anthony steven paul andrew joshua kenneth kevin brian george timothy ronald
    edward jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon
    benjamin samuel gregory alexander patrick raymond dennis jerry tyler aaron jose adam
    nathan henry zachary douglas peter kyle noah ethan jeremy walter keith roger terry
    sean gerald carl dylan harold jesse bryan lawrence arthur gabriel bruce logan billy
    joe alan juan elijah willie albert wayne randy vincent liam roy ralph bobby russell
    philip eugene johnny bradley luis carlos miguel antonio francisco manuel pedro jorge
    alejandro ricardo fernando eduardo javier roberto rafael sergio mario oscar diego ivan ahmed
    mohammed muhammad mohamed ali omar hassan ibrahim wei ming hiroshi kenji raj sanjay vijay
    amit ezekiel caleb lucas owen connor evan cody travis marcus derek shane
    dustin brett craig todd troy darryl leroy jamal tyrone deshawn malik andre reginald
    mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty
    sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie
    rebecca sharon laura cynthia dorothy amy kathleen angela shirley emma brenda pamela nicole anna
    samantha katherine christine helen debra rachel carolyn janet maria catherine heather diane
    olivia julie joyce ruth kelly lauren christina joan evelyn judith andrea hannah
    megan cheryl jacqueline martha teresa gloria sara janice ann kathryn abigail sophia
    frances jean alice judy isabella julia denise amber danielle marilyn beverly
    theresa diana natalie brittany doris kayla alexis lori marie guadalupe rosa carmen ana lucia
    juana alejandra gabriela veronica leticia adriana fatima aisha yasmin mei priya lakshmi
    latoya keisha shanice ebony jasmine tiffany tammy tracy wendy tina peggy
    zoe chloe ava mia ella sofia elena olga natasha svetlana ingrid heidi claire charlotte
    phyllis lois norma paula wanda yvonne rhonda bonnie connie marjorie edith ellen erin
    shannon leslie kristen katie anne jane jenny mike dave steve tom bob dan jeff ken tony"""
)
