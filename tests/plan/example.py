"""The pilot file of PILOT_FILE.md, for tests that change it."""

PILOT_FILE = """\
[pilot]
name = "Men's e-mail, spring"
slug = "mens-email"
goal = "sales"              # sales | retention | cross-sell | acquisition | service | advocacy
hypothesis = "An e-mail with men's merchandise makes past buyers spend more within two weeks."
owner = "manager@example.com"     # a user's sign-in; run takes any text
sponsor = "cfo@example.com"
starts_on = 2008-03-21
ends_on = 2008-04-03        # included

[design]
kind = "randomized"         # randomized | clustered | supplied (people chose)
control = "No E-Mail"
treatments = ["Mens E-Mail"]
alpha = 0.05
look = "fixed"              # fixed | group_sequential | always_valid
# more of the design

[customers]
file = "hillstrom.csv.gz"   # csv, tsv, xlsx, parquet, ndjson; .gz and .zst too
customer_id = "#row"        # a column, or "#row" for the row number
arm = "segment"             # a column with arms already assigned; left out: Pilotbook assigns
other_arms = "leave_out"    # "refuse" (default, with line numbers) or "leave_out"
attributes = ["history", "recency", "newbie", "zip_code", "channel"]
# more of the customers

[[behavior]]
file = "hillstrom.csv.gz"
customer_id = "#row"
occurred_at = 2008-04-03    # a column, or one date for all rows
measures = ["visit", "conversion", "spend"]     # wide: a column per measure
# more of the behavior

[[metrics]]
name = "spend"
kind = "mean"               # mean | count | rate | ratio | retention | breadth | latest
measure = "spend"
unit = "USD"
role = "primary"            # primary | secondary | guardrail
direction = "up"
covariates = ["history"]    # attributes

[[metrics]]
name = "visit"
kind = "rate"
measure = "visit"
role = "secondary"

[[metrics]]
name = "conversion"
kind = "rate"
measure = "conversion"
role = "secondary"
# more of the last metric

[[segments]]
attribute = "newbie"

[value]
currency = "USD"
metric = "spend"            # the primary that carries money
margin_rate = 0.45
hurdle_rate = 0.0
cost_per_treated = 0.10
# more of the value
"""

# Places of the file where tests put more, and what they exchange.
DESIGN = "# more of the design"
CUSTOMERS = "# more of the customers"
BEHAVIOR = "# more of the behavior"
METRIC = "# more of the last metric"
VALUE = "# more of the value"
WIDE = 'measures = ["visit", "conversion", "spend"]     # wide: a column per measure'
BEHAVIOR_FILE = 'file = "hillstrom.csv.gz"\ncustomer_id = "#row"\noccurred_at'


def changed(*swaps: tuple[str, str]) -> str:
    """The pilot file with some texts swapped for others; each must occur once."""
    text = PILOT_FILE
    for old, new in swaps:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text
