"""All hostile tokens: each must be refused, and says what forbids it."""

from . import algorithms, ciphertexts, claims, encryption, signatures, spellings

HOSTILE = [
    *(*algorithms.TABLE, *signatures.TABLE, *spellings.TABLE, *claims.TABLE),
    *(*encryption.TABLE, *ciphertexts.TABLE),
]
