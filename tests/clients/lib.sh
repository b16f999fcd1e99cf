# Shared by `run` and by the suites; sourced, not run.
# shellcheck shell=bash

clients_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$clients_dir/../.." && pwd)
# Everything that is built or downloaded once and kept: never inside the checkout.
cache=${SSVIRT_CACHE:-$HOME/.cache/ssvirt}
export SSVIRT_SHARED=${SSVIRT_SHARED:-$repository/../shared}
export PYTHONDONTWRITEBYTECODE=1

# One line per check, in a file too: a suite is a process of its own, and `run` counts them all.
pass() {
    echo "PASS $*"
    echo "pass" >>"$SSVIRT_RESULTS"
}

fail() {
    echo "FAIL $*"
    echo "fail" >>"$SSVIRT_RESULTS"
}

# left_out WHAT WHY: what is not there cannot be tested. In CI it has to be there.
left_out() {
    if [ "${CI:-}" = true ]; then
        fail "$1: $2"
    else
        echo "left out: $1 because $2"
        echo "left out" >>"$SSVIRT_RESULTS"
    fi
}

# check NAME COMMAND...: runs the command, shows its output only if it fails. The output stays in
# $SSVIRT_SCRATCH/output for the checks that look into it.
check() {
    local name=$1 code=0
    shift
    "$@" >"$SSVIRT_SCRATCH/output" 2>&1 </dev/null || code=$?
    if [ "$code" -eq 0 ]; then
        pass "$name"
    else
        fail "$name (exit code $code)"
        tail -n 60 "$SSVIRT_SCRATCH/output" | sed 's/^/    /'
    fi
    return "$code"
}

# venv NAME REQUIREMENTS: prints the folder of a Python environment with just these packages,
# making it when there is none yet for this Python and this list.
venv() {
    local name=$1 requirements=$2 key folder
    key=$({ python3 --version && cat "$requirements"; } | sha256sum | cut -c1-12)
    folder=$cache/venv/$name-$key
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        mkdir -p "$(dirname "$folder")"
        {
            echo "making the Python environment $name"
            python3 -m venv "$folder" &&
                "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
                    --requirement "$requirements" &&
                touch "$folder/complete"
        } >&2 || return 1
    fi
    echo "$folder"
}

# await_file FILE PID SECONDS: until the process has written it; fails when the process ends first.
await_file() {
    local file=$1 pid=$2 tries=$(($3 * 10))
    while [ ! -s "$file" ]; do
        if [ "$tries" -le 0 ] || ! kill -0 "$pid" 2>/dev/null; then
            return 1
        fi
        tries=$((tries - 1))
        sleep 0.1
    done
}

# stop PID SECONDS: SIGTERM; the exit code of the process, or 137 when it had to be killed.
stop() {
    local pid=$1 tries=$(($2 * 10))
    kill -TERM "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        if [ "$tries" -le 0 ]; then
            kill -KILL "$pid" 2>/dev/null || true
        fi
        tries=$((tries - 1))
        sleep 0.1
    done
    wait "$pid"
}

# api TOKEN PATH: an answer of /api in XML, as a program without any SDK would ask for it.
api() {
    # The token goes in by standard input: an argument would show in the list of processes.
    printf 'header = "Authorization: Bearer %s"\n' "$1" |
        curl --silent --show-error --insecure --max-time 60 --config - \
            --header 'Accept: application/*+xml;version=39.1' "$SSVIRT_URL$2"
}

# session USER ORG: logs in and prints the token.
session() {
    printf 'user = "%s@%s:%s"\n' "$1" "$2" "$SSVIRT_DEMO_PASSWORD" |
        curl --silent --show-error --insecure --max-time 60 --config - --request POST \
            --header 'Accept: application/json;version=39.1' --dump-header - --output /dev/null \
            "$SSVIRT_URL/cloudapi/1.0.0/sessions" |
        tr -d '\r' | sed -n 's/^x-vmware-vcloud-access-token: *//Ip'
}

# total TOKEN QUERY: how many records a query finds (QUERY: type=...&filter=...).
total() {
    api "$1" "/api/query?format=records&$2" | grep -o ' total="[0-9]*"' | tr -dc '0-9'
}

# check_total NAME TOKEN QUERY NUMBER
check_total() {
    local found
    found=$(total "$2" "$3") || true
    if [ "$found" = "$4" ]; then
        pass "$1"
    else
        fail "$1: the query $3 finds '$found' records instead of $4"
    fi
}
