package wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// crypt64 is the alphabet of crypt(3).
	crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	sha2SaltSize = 20
	sha2HashSize = 43
	sha2Rounds   = 1000 // the verifier counts rounds in thousands
	maxSha2K     = 4095
	// maxCryptPassword bounds the work that a hostile client can cause, bytes. Source: MySQL, MAX_PLAINTEXT_LENGTH.
	maxCryptPassword = 256
)

// ErrVerifier is a stored verifier that is none.
var ErrVerifier = errors.New("not a caching_sha2_password verifier ($A$005$, 20 bytes of salt, 43 of hash)")

// Sha2Verifier is what MySQL stores for an account with caching_sha2_password: $A$, the rounds in thousands in three
// hexadecimal digits, $, salt and hash.
// Source: MySQL manual, "Caching SHA-2 Pluggable Authentication"; the hash is SHA-crypt's.
type Sha2Verifier struct {
	rounds int
	salt   string
	hash   string
}

// NewSha2Verifier makes the verifier of a password with 5000 rounds. salt is 20 bytes, none of them NUL or '$'.
func NewSha2Verifier(password, salt []byte) (Sha2Verifier, error) {
	if len(salt) != sha2SaltSize || strings.ContainsAny(string(salt), "\x00$") {
		return Sha2Verifier{}, fmt.Errorf("wire: salt: %w", ErrVerifier)
	}
	v := Sha2Verifier{rounds: 5 * sha2Rounds, salt: string(salt)}
	v.hash = sha256Crypt(password, salt, v.rounds)
	return v, nil
}

// ParseSha2Verifier reads an authentication_string of caching_sha2_password.
func ParseSha2Verifier(s string) (Sha2Verifier, error) {
	const head = len("$A$005$")
	if len(s) != head+sha2SaltSize+sha2HashSize || s[:3] != "$A$" || s[6] != '$' {
		return Sha2Verifier{}, ErrVerifier
	}
	k, err := strconv.ParseUint(s[3:6], 16, 12)
	if err != nil || k == 0 || k > maxSha2K {
		return Sha2Verifier{}, ErrVerifier
	}
	return Sha2Verifier{rounds: int(k) * sha2Rounds, salt: s[head : head+sha2SaltSize], hash: s[head+sha2SaltSize:]}, nil
}

// String is the authentication_string.
func (v Sha2Verifier) String() string {
	return fmt.Sprintf("$A$%03X$%s%s", v.rounds/sha2Rounds, v.salt, v.hash)
}

// Verify reports whether password is the one: the full path. It takes milliseconds of a processor by design; a
// password longer than servers accept is wrong at once.
func (v Sha2Verifier) Verify(password []byte) bool {
	if v.hash == "" || len(password) > maxCryptPassword {
		return false
	}
	got := sha256Crypt(password, []byte(v.salt), v.rounds)
	return subtle.ConstantTimeCompare([]byte(got), []byte(v.hash)) == 1
}

// sha256Crypt is the hash part of crypt(3) with "$5$". MySQL uses it with a longer salt.
// Source: "Unix crypt using SHA-256 and SHA-512", U. Drepper; the numbers are its steps.
func sha256Crypt(password, salt []byte, rounds int) string {
	h := sha256.New()
	h.Write(password) // 4-8: digest B
	h.Write(salt)
	h.Write(password)
	b := h.Sum(nil)

	h.Reset() // 1-3, 9-12: digest A
	h.Write(password)
	h.Write(salt)
	h.Write(repeatTo(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write(b)
		} else {
			h.Write(password)
		}
	}
	a := h.Sum(nil)

	h.Reset() // 13-16: sequence P
	for range password {
		h.Write(password)
	}
	p := repeatTo(h.Sum(nil), len(password))

	h.Reset() // 17-20: sequence S
	for range 16 + int(a[0]) {
		h.Write(salt)
	}
	s := repeatTo(h.Sum(nil), len(salt))

	for i := range rounds { // 21
		h.Reset()
		if i&1 != 0 {
			h.Write(p)
		} else {
			h.Write(a)
		}
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i&1 != 0 {
			h.Write(a)
		} else {
			h.Write(p)
		}
		a = h.Sum(a[:0])
	}
	return encodeCrypt(a)
}

// repeatTo repeats block until there are n bytes.
func repeatTo(block []byte, n int) []byte {
	out := make([]byte, 0, n+len(block))
	for len(out) < n {
		out = append(out, block...)
	}
	return out[:n]
}

// encodeCrypt writes a digest in the order and alphabet of step 22: three bytes taken ten apart, the start turning,
// give four letters.
func encodeCrypt(a []byte) string {
	out := make([]byte, 0, sha2HashSize)
	put := func(v uint32, letters int) {
		for range letters {
			out = append(out, crypt64[v&63])
			v >>= 6
		}
	}
	i, j, k := 0, 10, 20
	for range 10 {
		put(uint32(a[i])<<16|uint32(a[j])<<8|uint32(a[k]), 4)
		i, j, k = k+1, i+1, j+1
	}
	put(uint32(a[31])<<8|uint32(a[30]), 3)
	return string(out)
}
