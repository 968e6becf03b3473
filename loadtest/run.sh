#!/usr/bin/env bash
# Runs one scenario of the load generator and starts all that it needs: a seeded server on a private database in a
# temporary folder, the simulator where replies are wanted, and the generator. Ends all of it again.
#
#   loadtest/run.sh idle|rooms|fanout|socketio|send|chat|relay|faults|slow|storm|chaos|killed|logins|uploads|enumeration|reading|dashboards|webhooks
#                   [arguments of the scenario]
#
# The server runs on one core, the generator, Postgres and the simulator on another. Results: target/loadtest/.
#   SERVER_CORE=0 LOAD_CORE=1   the two cores
#   SERVER=double               the generator's own stand-in in place of the server, to try a scenario
#   BUILD=0                     take the binaries in target/release as they are
#   PROFILE=debug               build and take those of another profile, to try a scenario
#   PROXY=0                     relay without the proxy that it is compared with
set -euo pipefail
cd "$(dirname "$0")/.."

scenario=${1:-}
case $scenario in
  idle)   users=10000 rooms=0 members=0 ;;
  rooms)  users=1 rooms=10000 members=1 ;;
  fanout) users=1000 rooms=10 members=100 ;;
  socketio) users=1000 rooms=20 members=100 ;;
  send)   users=1000 rooms=1000 members=1 ;;
  chat | faults) users=1000 rooms=1000 members=1 ;;
  relay)  users=2400 rooms=1200 members=2 ;;
  slow)   users=200 rooms=10 members=20 ;;
  storm)  users=5000 rooms=100 members=50 ;;
  chaos)  users=40 rooms=10 members=4 ;;
  killed) users=80 rooms=40 members=2 ;;
  logins | enumeration | uploads) users=1000 rooms=0 members=0 ;;
  reading) users=1 rooms=2 members=1 ;;
  dashboards) users=2 rooms=2 members=1 ;;
  webhooks) users=3000 rooms=0 members=0 ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
shift

blocked=300
messages=1000000 messages_small=100
# The stand-in holds all of them in memory, and looks through them one by one.
[ "${SERVER:-greenroom}" != double ] || messages=20000
# The population is seeded, so it is taken out of the arguments here.
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --users) users=$2; shift 2 ;;
    --rooms) rooms=$2; shift 2 ;;
    --members) members=$2; shift 2 ;;
    --blocked) blocked=$2; arguments+=("$1" "$2"); shift 2 ;;
    --messages) messages=$2; shift 2 ;;
    --messages-small) messages_small=$2; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
case $scenario in chat | faults) rooms=$users; members=1 ;; esac

password=one-for-all-of-them
case $scenario in reading | dashboards) arguments+=(--messages "$messages" --messages-small "$messages_small") ;; esac
[ "$scenario" != logins ] || arguments+=(--password "$password")

server_core=${SERVER_CORE:-0}
load_core=${LOAD_CORE:-1}
target=${CARGO_TARGET_DIR:-$PWD/target}
profile=${PROFILE:-release}
greenroom=$target/$profile/greenroom
loadtest=$target/$profile/loadtest
results=$target/loadtest
if [ "${BUILD:-1}" = 1 ]; then
  as=dev
  [ "$profile" = debug ] || as=$profile
  [ "${SERVER:-greenroom}" = double ] || cargo build --profile "$as" --package greenroom --bin greenroom
  cargo build --profile "$as" --package loadtest
fi
mkdir -p "$results"
ulimit -n "$(ulimit -Hn)"

work=$(mktemp -d "${TMPDIR:-/tmp}/greenroom-load.XXXXXX")
simulator= proxy= stripe=
clean_up() {
  local status=$? pid
  trap - EXIT
  for pid in $(cat "$work/server.pid" 2>/dev/null) $simulator $proxy $stripe; do
    kill -TERM "$pid" 2>/dev/null || true
  done
  for _ in $(seq 300); do
    pid=$(cat "$work/server.pid" 2>/dev/null || true)
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  if [ "$status" -ne 0 ] && [ -s "$work/server.log" ]; then
    cp "$work/server.log" "$results/$scenario.server.log"
    echo "run.sh: the server's log is $results/$scenario.server.log" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    # Nobody answers there, so it is free.
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

port=$(free_port)
url=http://127.0.0.1:$port
JWT_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export JWT_SECRET
export GREENROOM__SERVER__PORT=$port GREENROOM__DATA_DIR=$work/data

case $scenario in
  chat | relay | faults | chaos | killed)
    taskset -c "$load_core" "$loadtest" sim --first-token-delay-ms 50 --tokens 20 >"$work/sim.log" &
    simulator=$!
    for _ in $(seq 100); do grep -q 'simulator on' "$work/sim.log" && break; sleep 0.05; done
    sim_url=http://$(sed -n 's/simulator on //p' "$work/sim.log")
    export GREENROOM__AI__PROVIDERS__SIM__BASE_URL=$sim_url/v1
    ;;
esac
case $scenario in
  chat | relay) arguments+=(--sim-url "$sim_url" --sim-pid "$simulator") ;;
  faults)
    arguments+=(--sim-url "$sim_url" --sim-pid "$simulator")
    # Another provider stands in, and nobody waits long for what hangs.
    export GREENROOM__AI__PROVIDERS__SPARE__BASE_URL=$sim_url/v1 GREENROOM__AI__PROVIDERS__SPARE__ENABLED=true
    export GREENROOM__POOL__FIRST_TOKEN_TIMEOUT_MS=4000 GREENROOM__POOL__BACKOFF_MS=100
    ;;
  killed)
    arguments+=(--sim-url "$sim_url")
    # A draft after each piece of text or two, so that there is something to go on from.
    export GREENROOM__ENGINE__DRAFT_EVERY_TOKENS=2
    ;;
esac

# The proxy that `relay` compares with: LiteLLM from PyPI in an environment of its own, on the server's core.
litellm_version=1.108.7
start_proxy() {
  local environment=$target/litellm port key
  if [ "$(cat "$environment/installed" 2>/dev/null)" != "$litellm_version" ]; then
    echo "run.sh: installing LiteLLM $litellm_version" >&2
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "litellm[proxy]==$litellm_version"
    echo "$litellm_version" >"$environment/installed"
  fi
  cat >"$work/litellm.yaml" <<YAML
model_list:
  - model_name: sim-1
    litellm_params: { model: openai/sim-1, api_base: "$sim_url/v1", api_key: sk-loadtest }
litellm_settings: { num_retries: 0, request_timeout: 60, telemetry: false }
YAML
  port=$(free_port)
  # It refuses to start with a weak one.
  key=sk-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  # Prices come from the package and not from the net; nothing is logged per request.
  LITELLM_MASTER_KEY=$key LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_TELEMETRY=False LITELLM_LOG=ERROR LITELLM_MODE=PRODUCTION \
    taskset -c "$server_core" "$environment/bin/litellm" --config "$work/litellm.yaml" \
    --host 127.0.0.1 --port "$port" --num_workers 1 --telemetry False >"$work/litellm.log" 2>&1 &
  proxy=$!
  for _ in $(seq 900); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$proxy" 2>/dev/null || break
    sleep 0.1
  done
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    arguments+=(--proxy-url "http://127.0.0.1:$port" --proxy-pid "$proxy" --proxy-key "$key")
    arguments+=(--proxy-name "LiteLLM $litellm_version")
  else
    cp "$work/litellm.log" "$results/litellm.log"
    echo "run.sh: the proxy did not start; its log is $results/litellm.log" >&2
    exit 2
  fi
}
[ "$scenario" != relay ] || [ "${PROXY:-1}" = 0 ] || start_proxy

# Rooms leave soon, so that it is seen what they leave behind.
[ "$scenario" != rooms ] || export GREENROOM__ENGINE__IDLE_MS=30000

# Stripe's double, on the other core.
if [ "$scenario" = webhooks ]; then
  STRIPE_SECRET_KEY=sk_test_$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  STRIPE_WEBHOOK_SECRET=whsec_$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  export STRIPE_SECRET_KEY STRIPE_WEBHOOK_SECRET STRIPE_API_BASE=http://127.0.0.1:$(free_port)
  taskset -c "$load_core" "$greenroom" stripe-standin \
    --port "${STRIPE_API_BASE##*:}" --secret-key "$STRIPE_SECRET_KEY" >"$work/stripe.log" 2>&1 &
  stripe=$!
  for _ in $(seq 100); do grep -q STRIPE_API_BASE "$work/stripe.log" && break; sleep 0.05; done
  arguments+=(--stripe-url "$STRIPE_API_BASE" --stripe-pid "$stripe")
fi

# The server writes its process id, so that it can be ended whoever started it.
if [ "${SERVER:-greenroom}" = double ]; then
  serve="$loadtest double --port $port --data $work/double.log ${sim_url:+--provider $sim_url}"
  [ "$scenario" != reading ] || serve="$serve --messages $messages,$messages_small"
else
  serve="$greenroom serve --config $PWD/loadtest/config.toml"
fi
cat >"$work/serve.sh" <<SERVE
echo \$\$ >"$work/server.pid"
exec taskset -c $server_core $serve
SERVE

if [ "${SERVER:-greenroom}" != double ]; then
  seeding=(--load "$users")
  [ "$rooms" -eq 0 ] || seeding+=(--rooms "$rooms" --members "$members")
  case $scenario in
    logins) seeding+=(--password "$password") ;;
    enumeration) seeding+=(--password "$password" --blocked "$blocked") ;;
    reading | dashboards) seeding+=(--messages "$messages,$messages_small") ;;
  esac
  "$greenroom" seed --config loadtest/config.toml "${seeding[@]}" >"$work/seed.log" 2>&1 ||
    { cat "$work/seed.log" >&2; echo "run.sh: seeding failed" >&2; exit 2; }
fi

is_ready() {
  local answer
  # The inner shell owns the connection, so that it is closed in every case.
  answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /health/ready HTTP/1.0\r\n\r\n' >&3
    head -1 <&3) 2>/dev/null) || return 1
  case $answer in *" 200 "*) return 0 ;; *) return 1 ;; esac
}

# The server's children began on the server's core; Postgres belongs to the other one. What it starts later follows it.
pin_children() {
  local child
  for child in $(pgrep -P "$1" || true); do
    taskset -acp "$load_core" "$child" >/dev/null 2>&1 || true
    pin_children "$child"
  done
}

arguments+=(--json "$results/$scenario.json" --html "$results/$scenario.html")
if [ "$scenario" = chaos ] || [ "$scenario" = killed ]; then
  arguments+=(--server-cmd "sh $work/serve.sh" --server-log "$work/server.log")
else
  sh "$work/serve.sh" >>"$work/server.log" 2>&1 &
  for _ in $(seq 600); do is_ready && break; sleep 0.1; done
  is_ready || { cat "$work/server.log" >&2; echo "run.sh: the server was not ready in 60 s" >&2; exit 2; }
  server=$(cat "$work/server.pid")
  pin_children "$server"
  arguments+=(--server-pid "$server")
fi
case $scenario in
  reading | dashboards) population=() ;;
  idle | chat | faults | logins | enumeration | uploads | webhooks) population=(--users "$users") ;;
  *) population=(--users "$users" --rooms "$rooms" --members "$members") ;;
esac

status=0
taskset -c "$load_core" "$loadtest" "$scenario" --url "$url" "${population[@]}" "${arguments[@]}" || status=$?
echo "report: $results/$scenario.html"
exit "$status"
