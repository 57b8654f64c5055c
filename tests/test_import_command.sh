#!/usr/bin/env bash
# `unblend import` and `export` by their command lines: what they print and warn of, that a model comes back as it went
# out, and what they refuse. tests/test_convert.c looks at the outputs. Needs unblend-hdf5.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"

if [ ! -x "${unblend%/*}/unblend-hdf5" ]; then
    echo "SKIPPED: unblend-hdf5 was not built"
    exit 0
fi
for packed in tests/fixtures/keras/*.gz; do
    name=$(basename "$packed" .gz)
    gzip -dc "$packed" >"$bad/$name"
done
state=tests/fixtures/pytorch/unet.safetensors
model=$kept/model.safetensors
config=$scratch/begin.ini
cat >"$config" <<END
[model]
filters = 3
activation = leaky_relu
[data]
directory = tests/sample
validation = 0
[train]
start_from = $bad/unet.weights.h5
batch = 1
epochs = 1
steps_per_epoch = 1
validation_steps = 0
END
warned() { [ "$(grep -c warning "$scratch/err")" -eq "$1" ]; }

# ---- In ----

works "import of a whole model" import "$bad/unet.h5" "$model"
check "prints where the model is" printed "^$model\$"
check "without a warning" warned 0
works "info of it" info "$model"
check "has its sizes" printed '^encoder1/conv1 +conv2d +32x16x16x3 '
works "import of an archive" import "$bad/unet.keras" "$scratch/archive.safetensors"
check "the same model" cmp "$model" "$scratch/archive.safetensors"
works "import of weights" import "$bad/unet.weights.h5" "$scratch/weights.safetensors"
check "assumes an activation" told 'warning: .*/unet.weights.h5 does not contain the activation; assuming relu'
check "and a size" told 'warning: .*the picture size; assuming 32 x 32 \(change it with --set data.size=...\)'
check "and no more" warned 2
works "import of weights with what they lack" import "$bad/unet.weights.h5" "$scratch/weights.safetensors" --force \
    --set model.activation=leaky_relu --set data.size=16x16
check "needs no warning" warned 0
check "the same model" cmp "$model" "$scratch/weights.safetensors"
works "import of the UNet-Transformer" import "$bad/unet_transformer.weights.h5" "$scratch/transformer.safetensors"
check "knows the size by its positions" warned 0
works "import of a state dict" import --from pytorch "$state" "$scratch/torch.safetensors"
check "assumes an activation" told 'the activation; assuming relu'
works "a training begins with a file of Keras" train "$config" --run "$scratch/run"
check "which needs neither activation nor size" warned 0
works "mix" mix "$scratch/mixed" --count 2 --data tests/sample
works "separate takes one" separate "$bad/unet.weights.h5" "$scratch/mixed" "$scratch/parts"
works "evaluate takes one" evaluate "$bad/unet.weights.h5" --data tests/sample --runs 1 --samples 8
check "and warns" told 'to change it, run unblend import with --set model.activation=...'

# ---- Out ----

works "export" export "$model" "$kept/out.h5"
check "prints where the file is" printed "^$kept/out.h5\$"
works "import of what was exported" import "$kept/out.h5" "$scratch/again.safetensors" \
    --set model.activation=leaky_relu --set data.size=16x16
check "is what went out" cmp "$model" "$scratch/again.safetensors"
works "export of the UNet-Transformer" export "$scratch/transformer.safetensors" "$scratch/transformer.h5"
works "and back" import "$scratch/transformer.h5" "$scratch/transformer-again.safetensors"
check "is what went out" cmp "$scratch/transformer.safetensors" "$scratch/transformer-again.safetensors"

# one resolution, and one head, have fewer dimensions or layers
for odd in "model.modules=1" "model.architecture=unet-transformer model.blocks=1 model.width=8 model.heads=1 \
    model.key_size=8 model.ffn=8 model.cbam_ratio=1"; do
    read -ra keys <<<"$odd"
    works "train ${keys[0]}" train "$config" --run "$scratch/odd" --force --set train.start_from= \
        --set model.activation=relu --set model.filters=2 "${keys[@]/#/--set=}"
    works "export it" export "$scratch/odd/model.safetensors" "$scratch/odd.h5" --force
    works "and back" import "$scratch/odd.h5" "$scratch/odd.safetensors" --force
    works "evaluate what went out" evaluate "$scratch/odd/model.safetensors" --data tests/sample --runs 1 --samples 8
    mv "$scratch/out" "$scratch/odd.out"
    works "evaluate what came back" evaluate "$scratch/odd.safetensors" --data tests/sample --runs 1 --samples 8
    check "is the same" cmp "$scratch/out" "$scratch/odd.out"
done

# ---- Bad input ----

head -c 5000 "$bad/unet.h5" >"$bad/cut.h5"
: >"$bad/empty.h5"
refuses "a file that is missing" 3 "none.h5" "No such file" import "$bad/none.h5" "$kept/new"
refuses "a cut file" 3 "cut.h5" "not an HDF5 file, or incomplete" import "$bad/cut.h5" "$kept/new"
refuses "an empty file" 3 "empty.h5" "not an HDF5 file" import "$bad/empty.h5" "$kept/new"
refuses "a name that is there twice" 3 "damaged_twice.h5" "is in it twice: the file is damaged" \
    import "$bad/damaged_twice.h5" "$kept/new"
"${unblend%/*}/unblend-hdf5" pack tests/fixtures/unet_relu.safetensors "$bad/other.h5"
refuses "a file without layers" 3 "other.h5" "holds no layers of a Keras model" import "$bad/other.h5" "$kept/new"
refuses "a config" 3 "unet.ini" "not an HDF5 file" import configs/unet.ini "$kept/new"
refuses "a folder" 3 "a directory" "Keras" import tests "$kept/new"
refuses "a model of unblend" 3 "$model" "safetensors" import "$model" "$kept/new"
refuses "a model of unblend as a state dict" 3 "$model" "" import --from pytorch "$model" "$kept/new"
refuses "a file of Keras as a state dict" 3 "unet.h5" "" import --from pytorch "$bad/unet.h5" "$kept/new"
refuses "--from tensorflow" 2 "tensorflow" "neither keras nor pytorch" import --from tensorflow "$bad/unet.h5" "$kept/new"
refuses "another network" 3 "unet.h5" "encoder1/conv1/kernel" import "$bad/unet.h5" "$kept/new" --set model.filters=4
refuses "an unknown key" 2 "model.filter" "model.filters" import "$bad/unet.h5" "$kept/new" --set model.filter=3
refuses "a schedule that is never reached" 2 "unfreeze.500 is never reached" "" \
    import "$bad/unet.h5" "$kept/new" --set "unfreeze.500=encoder*"
refuses "a model that is there already" 2 "$model" "--force" import "$bad/unet.h5" "$model"
cp "$bad/unet.h5" "$kept/own.h5"
ln -s own.h5 "$kept/link.h5"
refuses "a model in place of its file" 2 "own.h5" "choose another name" import "$kept/own.h5" "$kept/own.h5" --force
refuses "also by a link" 2 "link.h5" "choose another name" import "$kept/own.h5" "$kept/link.h5" --force
refuses "export in place of its model" 2 "model.safetensors" "choose another name" export "$model" "$model" --force
refuses "pack in place of its model" 2 "model.safetensors" "choose another name" pack "$model" "$model" --force
refuses "a folder that is missing" 1 "nowhere" "No such file" import "$bad/unet.h5" "$scratch/nowhere/new"
refuses "one argument" 2 "import" "MODEL" import "$bad/unet.h5"
refuses "export of a model that Keras lacks" 2 "digits-fashion" "" export digits-fashion "$kept/new.h5"
refuses "export to another name" 2 "$kept/new.bin" ".h5" export "$model" "$kept/new.bin"
refuses "export in the form of Keras 3" 2 "new.weights.h5" "NAME.h5" export "$model" "$kept/new.weights.h5"
refuses "export over a file" 2 "$kept/out.h5" "--force" export "$model" "$kept/out.h5"
refuses "export of a config" 3 "unet.ini" "" export configs/unet.ini "$kept/new.h5"

finish
