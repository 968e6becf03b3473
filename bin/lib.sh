# Shared by bin/run and bin/test: what a fresh machine needs. Sourced, not run.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else
    echo "This needs root, and there is no sudo: $*" >&2
    return 1
  fi
}

# The server programs of PostgreSQL are often outside PATH.
have_postgres() {
  have initdb || have postgres || { have pg_config && [ -x "$(pg_config --bindir)/postgres" ]; } ||
    ls /usr/lib/postgresql/*/bin/postgres /opt/homebrew/opt/postgresql*/bin/postgres \
      /usr/local/opt/postgresql*/bin/postgres >/dev/null 2>&1
}
have_chromium() { have chromium || have chromium-browser || have google-chrome || [ -d "/Applications/Chromium.app" ]; }
# Debian's Python comes without what makes virtual environments.
have_python() { have python3 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
have_compiler() { have cc && have c++ && have make; }

# install_missing NAME… : installs those of postgres, redis, chromium, node, python and compiler that are not there.
install_missing() {
  local apt=() brew=() want
  for want in "$@"; do
    case $want in
      postgres) have_postgres || { apt+=(postgresql); brew+=(postgresql@17); } ;;
      redis) have redis-server || { apt+=(redis-server); brew+=(redis); } ;;
      chromium) have_chromium || { apt+=(chromium); brew+=(--cask chromium); } ;;
      node) have node && have npm || { apt+=(nodejs npm); brew+=(node); } ;;
      python) have_python || { apt+=(python3 python3-venv); brew+=(python); } ;;
      compiler) have_compiler || { apt+=(build-essential); brew+=(gcc); } ;;
    esac
  done
  if [ ${#apt[@]} -gt 0 ]; then
    say "Installing: ${apt[*]}"
    if have apt-get; then
      as_root apt-get update -qq
      # A service that the package would start is not needed: Greenroom runs its own private cluster.
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${apt[@]}"
    elif have brew; then
      brew install "${brew[@]}"
    else
      echo "Please install these and run this again: ${apt[*]}" >&2
      return 1
    fi
  fi
  if ! have cargo; then
    [ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH"
  fi
  if ! have cargo; then
    echo "Rust is missing: install version 1.95 or later with rustup (https://rustup.rs) and run this again." >&2
    return 1
  fi
}

# room_to_build FOLDER MEGABYTES : what a build grows to may be had. A full disk ends a linker with a bus error that says nothing.
room_to_build() {
  local folder=$1 whole=$2 here=0 free
  [ ! -d "$folder" ] || here=$(du -sm "$folder" | cut -f1)
  # Twice of that is what earlier versions of the dependencies left: nothing reads it any more.
  if [ "${CI:-}" = true ] && [ "$here" -gt $((2 * whole)) ]; then
    say "Beginning the build folder anew: it had grown to $here MB"
    rm -rf "$folder"
    here=0
  fi
  mkdir -p "$folder"
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  if [ $((here + free)) -lt "$whole" ]; then
    echo "The build in $folder grows to about $whole MB: $here are there, and the disk has only $free left." >&2
    return 1
  fi
}

# Installs the official clients that the tests drive, into tests/clients, each at its pinned version.
install_clients() {
  local folder=tests/clients wanted
  wanted=$(cat "$folder/package-lock.json" "$folder/requirements.txt" | cksum)
  [ "$(cat "$folder/.venv/installed" 2>/dev/null)" != "$wanted" ] || [ ! -d "$folder/node_modules" ] || return 0
  say "Installing the clients that the tests drive"
  npm ci --prefix "$folder" --no-audit --no-fund --silent
  python3 -m venv --clear "$folder/.venv"
  "$folder/.venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"
  echo "$wanted" >"$folder/.venv/installed"
}
