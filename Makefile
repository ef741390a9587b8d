# `make study` and `make test` install what they need and run; nothing else has to be done by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APT := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get
export TF_CPP_MIN_LOG_LEVEL := 3

# Speech engines for the embedded corpus.
ENGINES := espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts \
	festvox-italp16k festvox-itapc16k festvox-ru

.PHONY: study test lint engines lists clean

study: $(VENV)/.installed engines lists
	$(BIN)/fakeorreal study

test: $(VENV)/.installed engines lint
	$(BIN)/pytest -n 2

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Only on Debian and Ubuntu, and only what is missing. Elsewhere the study runs on the genuine FoR.
engines:
	@if command -v apt-get >/dev/null && ! dpkg -s $(ENGINES) >/dev/null 2>&1; \
	then $(APT) update -qq && $(APT) install -y -qq --no-install-recommends $(ENGINES) >/dev/null; fi

# Fresh package lists, from which the prompts are downloaded.
lists:
	@if command -v apt-get >/dev/null && ! test -f data/prompts/manifest.csv; then $(APT) update -qq; fi

$(VENV)/.installed: pyproject.toml
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && command -v apt-get >/dev/null; \
	then $(APT) update -qq && $(APT) install -y -qq --no-install-recommends python3-venv >/dev/null; fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) data/prompts data/downloads data/features data/runs
