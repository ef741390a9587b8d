"""Train the localiser: on frames and clips at once, seeded, resumable, the best network by validation."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops

from fakeorreal.epoch_log import measures
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frame_regions import frames_in, overlapped
from fakeorreal.networks import build_network
from fakeorreal.prefetch import prefetched
from fakeorreal.training import (
    epoch_order,
    lowest_epoch,
    make_deterministic,
    moments,
    restore_state,
    save_model,
    save_state,
)

RATE, WARM_UP = 1e-3, 100  # published: 1e-4, for a network six times as large
WEIGHT_DECAY, CLIP_NORM = 2e-4, 1.0
SHARES = (0.9, 0.1)
"""Of the loss on frames and of that on clips, as published."""

_SCORING_BATCH = 16


class FrameTargets:
    """What each frame of clips is.

    Args:
        corpus: table of clips that states where each of them ends.
        regions: table of fake regions, see `fakeorreal.corpora.region_labels.make_regions`; those of other clips are
            passed over.
        frames: of 20 ms, for every clip.

    Attributes:
        fake: bool, shape (clips, frames): any region overlaps the frame.
        heard: bool, shape (clips, frames): the frame begins before the clip ends.

    Raises:
        FakeOrRealError: a clip whose end is not stated; one that is fake without a region, or real with one.
    """

    def __init__(self, corpus, regions, frames):
        self.heard = _heard(corpus, frames)
        wrong = corpus["clip"].isin(regions["clip"]) != (corpus["label"] == 1)
        if wrong.any():
            raise FakeOrRealError(
                f"a clip must have regions if it is fake, and only then. Received: {corpus['clip'][wrong].iloc[0]} "
                f"({wrong.sum()} such clips). Compare the labels with the regions."
            )
        self.fake = np.zeros_like(self.heard)
        rows = {clip: row for row, clip in enumerate(corpus["clip"])}
        for clip, of_clip in regions[regions["clip"].isin(rows)].groupby("clip"):
            self.fake[rows[clip]] = overlapped(of_clip[["start", "end"]].to_numpy(), frames)


@keras.saving.register_keras_serializable(package="fakeorreal")
class FrameLoss(keras.losses.Loss):
    """Binary cross-entropy of logits, the mean over frames with each its own weight."""

    def __init__(self, name="frame_loss", **_):
        super().__init__(name=name, reduction="mean_with_sample_weight")

    def call(self, y_true, y_pred):
        return ops.binary_crossentropy(y_true, y_pred, from_logits=True)


def fit_localizer(options, training, validation, regions, *, epochs, seed, folder, rate=RATE, batch=16):
    """Train a localiser and hand out the network of the epoch with the lowest validation loss.

    AdamW whose rate rises over the first steps and then falls to zero. Frames behind the end of a clip count nowhere.
    State is kept after every epoch; a run that was killed goes on from there and ends with the same weights as one
    that was not. The published code kept the network of the lowest training loss.

    Args:
        options: of `fakeorreal.networks.localizer.localizer`, as a dict.
        training: ``Features`` or ``FrameFeatures`` of the training clips.
        validation: those of the validation clips.
        regions: table of the fake regions of both.
        epochs: passes over the training clips.
        seed: seeds weights, dropout and the order of clips.
        folder: where the state and, in the end, ``best.keras`` go.
        rate: highest learning rate.
        batch: clips of a step.

    Returns:
        (model, history): history is a DataFrame, one row per epoch: epoch, learning_rate at its end, loss over the
        epoch, val_loss after it, and of its two parts ``val_frame_`` and ``val_clip_`` the loss and the AUC.

    Raises:
        FakeOrRealError: as `FrameTargets`; training clips without a frame that is fake or without one that is real.

    Source: FakeSound, ``train.py``: AdamW of 1e-4 and weight decay 2e-4, 100 steps of warm-up, batches of 16.
    """
    make_deterministic(seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, best, history = restore_state(folder)
    if model is None:
        model, history = _new_model(options, training), []
        best = keras.models.clone_model(model)
    frames = model.output_shape[0][1]
    targets, val_targets = (FrameTargets(features.corpus, regions, frames) for features in (training, validation))
    if len(np.unique(targets.fake[targets.heard])) < 2:
        raise FakeOrRealError("training needs frames that are fake and frames that are real. Check the regions.")
    for epoch in range(len(history), epochs):
        log = _one_epoch(model, training, targets, epoch, epochs, seed=seed, rate=rate, batch=batch)
        history.append(log | _validate(model, validation, val_targets))
        if lowest_epoch(history) == epoch:
            best.set_weights(model.get_weights())
        save_state(model, best, history, folder)
    save_model(best, folder / "best.keras")
    return best, pd.DataFrame(history)


def learning_rate(highest, step, steps):
    """Rises in a line over WARM_UP steps, or a tenth of all where those are few, then falls in a line to zero."""
    warm_up = min(WARM_UP, max(1, steps // 10))
    return highest * min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))


def score_frames(model, features):
    """Scores of every frame of clips, and of the clips.

    Args:
        model: a localiser.
        features: ``Features`` or ``FrameFeatures`` of clips whose end is stated.

    Returns:
        (frames, clips): dict from clip to float32 logits of fake, shape (frames of the clip,), as
        `fakeorreal.segments` takes them; and a Series from clip to the logit of fake.

    Raises:
        FakeOrRealError: a clip whose end is not stated.
    """
    frame_logits, clip_logits = _predict(model, features)
    clips, heard = features.corpus["clip"], _heard(features.corpus, frame_logits.shape[1])
    frames = {clip: logits[kept] for clip, logits, kept in zip(clips, frame_logits, heard, strict=True)}
    return frames, pd.Series(clip_logits, index=pd.Index(clips), name="score")


def _heard(corpus, frames):
    """Which frames begin before the end of their clip, shape (clips, frames)."""
    seconds = (corpus["end"] - corpus["start"]).to_numpy(float)
    if np.isnan(seconds).any():
        raise FakeOrRealError(
            f"every clip must state its `end`. Received: none for {corpus['clip'][np.isnan(seconds)].iloc[0]}. "
            "Set it to the duration of the file."
        )
    return np.arange(frames) < np.array([[frames_in(length)] for length in seconds])


def _new_model(options, training):
    mean, variance = moments(training, (1,))
    inputs = keras.Input(training.shape)
    network = build_network("localizer", training.shape, **options)
    outputs = network(keras.layers.Normalization(-1, mean=mean, variance=variance)(inputs))
    model = keras.Model(inputs, outputs, name=network.name)
    optimizer = keras.optimizers.AdamW(
        RATE, weight_decay=WEIGHT_DECAY, beta_1=0.9, beta_2=0.999, epsilon=1e-8, global_clipnorm=CLIP_NORM
    )
    model.compile(optimizer, [FrameLoss(), keras.losses.BinaryCrossentropy(from_logits=True)], loss_weights=SHARES)
    return model


def _one_epoch(model, training, targets, epoch, epochs, *, seed, rate, batch):
    """Send every training clip through the network once; returns the log: epoch, rate and mean loss."""
    order = epoch_order(len(training), seed, epoch)
    batches = np.split(order, range(batch, len(order), batch))
    total = 0.0
    for step, (rows, inputs) in enumerate(zip(batches, prefetched(training.rows, batches), strict=True)):
        now = learning_rate(rate, epoch * len(batches) + step, epochs * len(batches))
        model.optimizer.learning_rate = now
        truth = [targets.fake[rows].astype("float32"), training.labels[rows, None].astype("float32")]
        weights = [targets.heard[rows].astype("float32"), np.ones(len(rows), "float32")]
        log = model.train_on_batch(inputs, truth, sample_weight=weights, return_dict=True)
        total += float(log["loss"]) * len(rows)
    return {"epoch": epoch + 1, "learning_rate": now, "loss": total / len(order)}


def _validate(model, validation, targets):
    frame_logits, clip_logits = _predict(model, validation)
    of_frames = measures(targets.fake[targets.heard], frame_logits[targets.heard])
    of_clips = measures(validation.labels, clip_logits)
    log = {"val_loss": SHARES[0] * of_frames["loss"] + SHARES[1] * of_clips["loss"]}
    for name, found in (("frame", of_frames), ("clip", of_clips)):
        log |= {f"val_{name}_{measure}": found[measure] for measure in ("loss", "auc")}
    return log


def _predict(model, features):
    """Logits of frames and of clips, float32, shapes (clips, frames) and (clips,)."""
    blocks = np.split(np.arange(len(features)), range(_SCORING_BATCH, len(features), _SCORING_BATCH))
    frames, clips = zip(*(model.predict_on_batch(rows) for rows in prefetched(features.rows, blocks)), strict=True)
    return np.concatenate(frames), np.concatenate(clips)[:, 0]
