# Sourced by up and test, which so build the same thing in the same place: build/<preset>.
# Expects $root. Defines build PRESET [-DNAME=VALUE...] [TARGET...].

export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

build() {
  local preset=$1 quiet= settings=()
  shift
  while [[ ${1:-} == -D* ]]; do settings+=("$1"); shift; done
  mkdir -p "$root/build/logs"
  (
    cd "$root"
    cmake --preset "$preset" "${settings[@]}" >"build/logs/configure-$preset.log" 2>&1 ||
      { cat "build/logs/configure-$preset.log"; exit 1; }
    # A terminal shows how far it is; a log only what went wrong.
    [ -t 1 ] || quiet=--quiet
    cmake --build "build/$preset" ${1:+--target "$@"} -- ${quiet:+"$quiet"}
  )
}
