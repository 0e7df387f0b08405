#!/usr/bin/env bash
# Makes the embedded model anew: the conversations of the evaluation, the weights, their scores. One core, about an hour.
# Arguments go to train.py: `make.sh --steps 500` makes a worse one sooner.
# Needs PyTorch: apt-get install --no-install-recommends python3-torch libopenblas0-pthread
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-/usr/bin/python3}
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 # the same sums in the same order, and the machine stays usable
"$python" -c 'import torch, numpy'

"$python" corpus.py held held-out.json
"$python" train.py ../../src/embedded/toy.gguf --report report.json "$@"
node ../../scripts/setup.mjs
node evaluate.mjs
