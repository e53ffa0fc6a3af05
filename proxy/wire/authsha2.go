package wire

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Sha2Digest is what caching_sha2_password caches of a password after a full login: SHA256(SHA256(password)).
func Sha2Digest(password []byte) [sha256.Size]byte {
	once := sha256.Sum256(password)
	return sha256.Sum256(once[:])
}

// Sha2Scramble is a client's first answer under caching_sha2_password; nil for an empty password.
// Source: MySQL "Caching_sha2_password information": SHA256(password) XOR SHA256(SHA256(SHA256(password)) + salt).
func Sha2Scramble(password, salt []byte) []byte {
	if len(password) == 0 {
		return nil
	}
	once := sha256.Sum256(password)
	mix := sha2Mix(sha256.Sum256(once[:]), salt)
	for i := range mix {
		mix[i] ^= once[i]
	}
	return mix[:]
}

func sha2Mix(digest [sha256.Size]byte, salt []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(digest[:])
	h.Write(salt)
	var mix [sha256.Size]byte
	h.Sum(mix[:0])
	return mix
}

// VerifySha2Fast reports whether scramble answers salt for the password with that digest: the fast path.
func VerifySha2Fast(scramble, salt []byte, digest [sha256.Size]byte) bool {
	if len(scramble) != sha256.Size {
		return false
	}
	once := sha2Mix(digest, salt)
	for i := range once {
		once[i] ^= scramble[i]
	}
	twice := sha256.Sum256(once[:])
	return subtle.ConstantTimeCompare(twice[:], digest[:]) == 1
}

// ClearPassword is a password as mysql_clear_password and the full path of caching_sha2_password under TLS send it.
func ClearPassword(password []byte) []byte {
	return append(append(make([]byte, 0, len(password)+1), password...), 0)
}

// ParseClearPassword cuts off the NUL that ends a password in clear.
func ParseClearPassword(p []byte) []byte {
	if n := len(p); n > 0 && p[n-1] == 0 {
		return p[:n-1]
	}
	return p
}
