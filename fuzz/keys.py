"""RSA keys that are the same at every run, so that what was found can be found again."""

from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

_BITS = 2048
_EXPONENT = 65537
_SMALL = [each for each in range(3, 2000, 2) if all(each % by for by in range(3, each, 2))]


@cache
def private_key(name: str) -> str:
    """A private key in PEM; never use one of these for anything else."""
    random = Random(name)
    p, q = _prime(random), _prime(random)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa_crt_dmp1(d, p),
        dmq1=rsa_crt_dmq1(d, q),
        iqmp=rsa_crt_iqmp(p, q),
        public_numbers=RSAPublicNumbers(_EXPONENT, p * q),
    )
    pem = numbers.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return pem.decode()


def public_key(name: str) -> str:
    """The public key of the same name in PEM."""
    key = load_pem_private_key(private_key(name).encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _prime(random: Random) -> int:
    top = 0b11 << (_BITS // 2 - 2)  # so that the product has all its bits
    while True:
        number = random.getrandbits(_BITS // 2) | top | 1
        if (number - 1) % _EXPONENT == 0 or not all(number % each for each in _SMALL):
            continue
        if pow(2, number - 1, number) == 1 and pow(3, number - 1, number) == 1:
            return number
