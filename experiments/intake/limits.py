"""How much of a file is taken in before it counts as a mistake or an attack."""

# Arrow works best on tens of thousands of rows; more only costs memory.
BATCH_ROWS = 50_000
# A block of text decides how much of a file is in memory at once.
BLOCK_BYTES = 1 << 20
# Where a block holds something odd, so much around it is read line by line.
PIECE_BYTES = 1 << 15
PARSED_BYTES = 256 << 20
# A preview needs thousands of records, in small batches so that wide ones cost little memory.
HEAD_BATCH_ROWS = 100
HEAD_BYTES = 32 << 20
LINE_BYTES = 1 << 20
# A line over LINE_BYTES is refused as a row; over this, the file is no text made of lines.
ENDLESS_LINE_BYTES = 256 << 20
# Longer than any label, number or day may be.
LONGEST_CELL = 400
HEADER_COLUMNS = 10_000
# An open quotation mark is looked after for so many lines before it counts as never closed.
RECORD_LINES = 1_000
# Reading resumes after each bad quotation mark; a file made of them would be read over and over.
REREAD_LINES = 1_000_000
REJECTS = 500_000
# Real tables pack 3 to 50 times, bombs 1,000 times and more; below a size nothing is at stake.
UNPACKED_RATIO = 250
UNPACKED_TEXT_BYTES = 16 << 20
UNPACKED_PARQUET_BYTES = 1 << 30
PARQUET_FOOTER_BYTES = 64 << 20
SHEET_UNPACKED_BYTES = 512 << 20
# Sheets pack 5 to 30 times; a bomb that its size alone does not show costs a reader minutes.
SHEET_RATIO = 100
# Beside this a child maps its libraries, about 100 MiB; all of it stays below 1 GiB.
CHILD_MEMORY_BYTES = 896 << 20
# Processor seconds: so many for any file, and one more for so many bytes of a large one.
CHILD_SECONDS = 60
CHILD_BYTES_PER_SECOND = 1 << 20
# A packed file is as much work as what it unpacks to.
PACKED_WORK = 10
# A child may wait for whoever takes its rows, so many times longer.
PATIENCE = 10
# Columns of a file without a schema (NDJSON) are those that its first records have.
NDJSON_HEADER_RECORDS = 1_000
NDJSON_HEADER_CHARACTERS = 16 << 20
VALUE_SHOWN = 80
