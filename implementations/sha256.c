// SHA-256 (FIPS 180-4), for the digests of section 4 of docs/specification.md.
//
// begin_digest(), absorb(...) as often as needed, end_digest(): then `hash` has the digest.

static uint32_t hash[8];
static uint8_t block[64];
static uint64_t absorbed; // bytes

static inline uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

static void compress(void) {
  static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t s[64], a[8];
  memcpy(a, hash, 32);
  for (int i = 0; i < 64; i++) {
    uint32_t one = i < 16 ? 0 : s[i - 15], two = i < 16 ? 0 : s[i - 2];
    s[i] = i < 16 ? (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
                        block[4 * i + 3]
                  : s[i - 16] + (turn(one, 7) ^ turn(one, 18) ^ one >> 3) + s[i - 7] +
                        (turn(two, 17) ^ turn(two, 19) ^ two >> 10);
    one = a[7] + (turn(a[4], 6) ^ turn(a[4], 11) ^ turn(a[4], 25)) +
          ((a[4] & a[5]) ^ (~a[4] & a[6])) + K[i] + s[i];
    two = (turn(a[0], 2) ^ turn(a[0], 13) ^ turn(a[0], 22)) +
          ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));
    memmove(a + 1, a, 28);
    a[4] += one, a[0] = one + two;
  }
  for (int i = 0; i < 8; i++) hash[i] += a[i];
}

static void absorb(const void *bytes, long size) {
  for (long i = 0; i < size; i++) {
    block[absorbed++ % 64] = ((const uint8_t *)bytes)[i];
    if (absorbed % 64 == 0) compress();
  }
}

static void begin_digest(void) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash, start, 32), absorbed = 0;
}

static void end_digest(void) {
  uint64_t bits = 8 * absorbed;
  for (absorb("\x80", 1); absorbed % 64 != 56;) absorb("", 1);
  for (int i = 56; i >= 0; i -= 8) absorb(&(uint8_t){bits >> i}, 1);
}
