package wire

import (
	"crypto/sha1"
	"crypto/subtle"
)

// Names of authentication plug-ins.
const (
	AuthNative      = "mysql_native_password"
	AuthCachingSha2 = "caching_sha2_password"
	AuthSha256      = "sha256_password"
	AuthClear       = "mysql_clear_password"
	AuthEd25519     = "client_ed25519"
)

// NativeStored is what mysql_native_password keeps of a password: SHA1(SHA1(password)). It is what follows the star in
// a server's authentication_string.
func NativeStored(password []byte) [sha1.Size]byte {
	once := sha1.Sum(password)
	return sha1.Sum(once[:])
}

// NativeScramble is a client's answer under mysql_native_password; nil for an empty password.
// Source: MySQL "Native Authentication": SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))).
func NativeScramble(password, salt []byte) []byte {
	if len(password) == 0 {
		return nil
	}
	once := sha1.Sum(password)
	twice := sha1.Sum(once[:])
	mix := nativeMix(salt, twice)
	for i := range mix {
		mix[i] ^= once[i]
	}
	return mix[:]
}

func nativeMix(salt []byte, stored [sha1.Size]byte) [sha1.Size]byte {
	h := sha1.New()
	h.Write(salt)
	h.Write(stored[:])
	var mix [sha1.Size]byte
	h.Sum(mix[:0])
	return mix
}

// VerifyNative reports whether scramble answers salt for the password of which stored is kept. An account without a
// password is not this function's: its client's answer is empty.
func VerifyNative(scramble, salt []byte, stored [sha1.Size]byte) bool {
	if len(scramble) != sha1.Size {
		return false
	}
	once := nativeMix(salt, stored)
	for i := range once {
		once[i] ^= scramble[i]
	}
	twice := sha1.Sum(once[:])
	return subtle.ConstantTimeCompare(twice[:], stored[:]) == 1
}
