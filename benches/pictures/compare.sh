#!/usr/bin/env bash
# One JPEG of 12 megapixels to all four versions: Greenroom against sharp of npm, the same file, in turns.
#   benches/pictures/compare.sh [a JPEG] [rounds]
# Needs node and npm; sharp is installed into a folder under /tmp. Each round runs both, ten times each; what is shown is the
# median of each round in milliseconds, and of all rounds their ratio.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="${TMPDIR:-/tmp}/greenroom-sharp"
mkdir -p "$folder"
[ -d "$folder/node_modules/sharp" ] || (cd "$folder" && npm init -y >/dev/null && npm install --silent sharp)
export SHARP_IN="$folder"
picture="${1:-$folder/12-megapixels.jpg}"
[ -f "$picture" ] || node benches/pictures/sharp.mjs make "$picture"
bench="${PICTURES_BENCH:-$(cargo bench --no-run --bench pictures --message-format=json \
  | sed -n 's/.*"executable":"\([^"]*pictures-[^"]*\)".*/\1/p' | tail -1)}"
median() { cut -d' ' -f1 | sort -n | sed -n 5p; }
for round in $(seq "${2:-5}"); do
  sharp=$(node benches/pictures/sharp.mjs run "$picture" 10 | median)
  ours=$("$bench" --file "$picture" 10 | median)
  echo "round $round: sharp $sharp ms, greenroom $ours ms, ratio $(echo "scale=2; $sharp / $ours" | bc)"
done
