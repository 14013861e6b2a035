# What the scripts share: where the tree is, how they speak, and the one way they build. Sourced, never run.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
self=${0##*/}

say() { printf '%s: %s\n' "$self" "$*" >&2; }

# die CODE MESSAGE...: the codes are those of bitharness (1 a check failed, 2 usage, 4 set-up).
die() {
  local code=$1
  shift
  say "error: $*"
  exit "$code"
}

# Prints the script's own opening comment, so that --help and the file cannot disagree.
show_help() { sed -n '2,${ /^#/!q; s/^# \{0,1\}//p }' "$root/scripts/$self"; }

# The files that are or may become part of the tree, under $root: what git tracks or does not ignore.
tracked() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@"; }
cxx_files() { tracked '*.h' '*.inl' '*.cpp' '*.cu' '*.cuh'; }

# install_packages PACKAGE...: with apt-get, as root or through sudo; fetches the package lists only where it cannot do with
# the ones that are there. apt's words go to $apt_log. Options for `apt-get install` may be given in the array apt_options.
install_packages() {
  local -a as_root=()
  command -v apt-get >/dev/null || return 1
  if ((EUID != 0)); then
    command -v sudo >/dev/null || return 1
    as_root=(sudo)
  fi
  local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  local -a install=("${apt[@]}" install --no-install-recommends "${apt_options[@]}" "$@")
  "${install[@]}" >"$apt_log" 2>&1 </dev/null && return
  "${apt[@]}" update >"$apt_log" 2>&1 </dev/null && "${install[@]}" >>"$apt_log" 2>&1 </dev/null
}
apt_log=/dev/null
apt_options=()

# configure_and_build PRESET [TARGET...]: silent where nothing changed, else one progress line on stderr. What the tools
# said is in build/PRESET.log, and its end is shown when they fail.
configure_and_build() {
  local preset=$1 dir="$root/build/$1" log="$root/build/$1.log" start=$SECONDS lock
  shift
  local -a targets=()
  (($#)) && targets=(--target "$@")
  mkdir -p "$root/build"
  # One build of a directory at a time: a second caller waits, then finds nothing left to do.
  exec {lock}>"$root/build/$preset.lock"
  flock "$lock"
  configure "$preset"
  NINJA_STATUS='[%f/%t] ' cmake --build "$dir" "${targets[@]}" 2>&1 | show_progress "$preset" "$log" "$start" ||
    build_failed "build" "$preset" "$log"
  exec {lock}>&-
}

# Ninja runs CMake again by itself where a CMakeLists.txt changed.
configure() {
  local log="$root/build/$1.log"
  [[ ! -f $root/build/$1/build.ninja ]] || return 0
  mkdir -p "$root/build"
  if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  (cd "$root" && cmake --preset "$1") >"$log" 2>&1 || build_failed "configure" "$1" "$log"
}

# Copies ninja's output to the log and sums it up: one line, rewritten on a terminal, printed once elsewhere.
show_progress() {
  local preset=$1 log=$2 start=$3 line steps=
  : >"$log"
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    [[ $line =~ ^\[([0-9]+/([0-9]+))\]' '[^R] ]] || continue  # "Re-running CMake" counts by itself
    if [[ -t 2 ]]; then
      printf '\r%s: building build/%s %s' "$self" "$preset" "${BASH_REMATCH[1]}" >&2
    elif [[ -z $steps ]]; then
      say "building build/$preset (${BASH_REMATCH[2]} steps)"
    fi
    steps=${BASH_REMATCH[2]}
  done
  if [[ -n $steps && -t 2 ]]; then printf '\r\033[K%s: built build/%s in %s s\n' "$self" "$preset" $((SECONDS - start)) >&2; fi
}

build_failed() {
  [[ -t 2 ]] && printf '\n' >&2
  # What failed, without the steps that went well.
  grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating)' -- "$3" | tail -n 60 >&2 || true
  die 4 "cannot $1 build/$2; the whole log is build/$2.log"
}
