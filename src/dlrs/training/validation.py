"""How well a network tells positives from negatives: what is looked at after an epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from dlrs.arrays import Floats
from dlrs.features.rows import EncodedRows
from dlrs.metrics.pairs import accuracy_at, auc
from dlrs.model.network import Network
from dlrs.model.tower import row_tensors
from dlrs.samples.batches import Batch, Batches
from dlrs.samples.pairs import Pairs

BATCH = 8192


class Validation(NamedTuple):
    """What a network is worth on pairs that it was not trained on. The AUC decides, accuracy explains."""

    auc: float
    accuracy: float


def validate_on(network: Network, pairs: Pairs, profiles: EncodedRows, versions: EncodedRows) -> Validation:
    """Return the AUC and the accuracy of a network on held-back pairs; both NaN if there are none."""
    logits_P = pair_logits(network, pairs, profiles, versions)
    return Validation(pair_auc(logits_P, pairs.label_P), pair_accuracy(logits_P, pairs.label_P))


def pair_logits(network: Network, pairs: Pairs, profiles: EncodedRows, versions: EncodedRows) -> Floats:
    """Return the logit of each of P pairs, without dropout."""
    batches = Batches(pairs, profiles, versions, size=BATCH, seed=0)
    # Neighbours share their user, so that few users are embedded more than once.
    order_P = np.argsort(pairs.profile_P, kind="stable")
    logits_P = np.empty(len(pairs), dtype=np.float32)
    was_training = network.training
    network.eval()
    with torch.no_grad():
        for start in range(0, len(pairs), BATCH):
            rows_B = order_P[start : start + BATCH]
            logits_P[rows_B] = batch_logits(network, batches.at(rows_B))
    network.train(was_training)
    return logits_P


def batch_logits(network: Network, batch: Batch) -> Floats:
    """Return the logits of one batch."""
    pairs = torch.from_numpy(batch.user_B), torch.from_numpy(batch.item_B)
    logits_B: Floats = network(row_tensors(batch.users), row_tensors(batch.items), *pairs).numpy()
    return logits_B


def pair_auc(logits_P: Floats, labels_P: Floats) -> float:
    """Return the chance that a positive scores above a negative; a tie counts half.

    NaN where there are no positives or no negatives.
    """
    return float(auc(logits_P, labels_P > 0, np.zeros(len(logits_P), dtype=np.int64), users=1)[0])


def pair_accuracy(logits_P: Floats, labels_P: Floats) -> float:
    """Return the share of pairs whose p̂ is on the label's side of ½; NaN where there are no pairs.

    Guessing the commoner label reaches its share: ½ with one negative for each positive, as in the
    thesis.
    """
    return accuracy_at(logits_P, labels_P > 0, 0.0) if len(labels_P) else float("nan")
