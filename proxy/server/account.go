package server

import (
	"crypto/tls"
	"time"
)

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
	// Admin: it may read all of the tables of heddle, and change rules by statements.
	Admin bool
	// Transactions is the account's transaction type; "": the instance's.
	Transactions string
	// MaxConnections limits the account's connections to this instance; 0: no limit.
	MaxConnections int
}

// Accounts looks accounts up. It is asked at every login, so that a change of the users document takes effect at once.
type Accounts interface {
	// Account returns the account of that name; false if there is none.
	Account(user string) (Account, bool)
}

// Settings are what may change while the server runs. A login goes by those of its beginning.
type Settings struct {
	MaxConnections int           // 0: 10,000
	HandshakeTime  time.Duration // 0: 10 s
	MaxPacket      int           // bytes of a statement; 0: 64 MiB
	TLS            *tls.Config   // nil: not offered
	// RequireTLS refuses clients that do not ask for TLS, but for those on a unix socket.
	RequireTLS bool
}

func (s Settings) withDefaults() *Settings {
	if s.MaxConnections == 0 {
		s.MaxConnections = 10000
	}
	if s.HandshakeTime == 0 {
		s.HandshakeTime = 10 * time.Second
	}
	if s.MaxPacket == 0 {
		s.MaxPacket = 64 << 20
	}
	return &s
}
