# Sourced by up and test, which so build the same thing in the same place: build/<preset>.
# Expects $root. Defines build PRESET [TARGET...].

export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

build() {
  local preset=$1
  shift
  mkdir -p "$root/build/logs"
  (
    cd "$root"
    cmake --preset "$preset" >"build/logs/configure-$preset.log" 2>&1 ||
      { cat "build/logs/configure-$preset.log"; exit 1; }
    cmake --build "build/$preset" ${1:+--target "$@"}
  )
}
