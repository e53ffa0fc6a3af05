package server

import "time"

// Account is a client account as the users document gives it. At least one of the verifiers is set, or Empty.
type Account struct {
	User  string
	Empty bool // logs in without a password
	// Native is SHA1(SHA1(password)), 20 bytes.
	Native []byte
	// Caching is a caching_sha2_password verifier, "$A$005$" followed by salt and digest.
	Caching []byte
	// Password is the clear password of an account that gives a secret reference instead of a verifier.
	Password func() (string, error)
	// Databases are the logical databases that the account may use; nil: all.
	Databases []string
	// MaxConnections limits the account's connections to this instance; 0: no limit.
	MaxConnections int
}

// Accounts looks accounts up. It is asked at every login, so that a change of the users document takes effect at once.
type Accounts interface {
	// Account returns the account of that name; false if there is none.
	Account(user string) (Account, bool)
}

// Limits bound what clients can take.
type Limits struct {
	MaxConnections int           // 0: 10,000
	HandshakeTime  time.Duration // 0: 10 s
	MaxPacket      int           // bytes of a statement; 0: 64 MiB
}

func (l Limits) withDefaults() Limits {
	if l.MaxConnections == 0 {
		l.MaxConnections = 10000
	}
	if l.HandshakeTime == 0 {
		l.HandshakeTime = 10 * time.Second
	}
	if l.MaxPacket == 0 {
		l.MaxPacket = 64 << 20
	}
	return l
}
