package secure

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
)

// Tickets are the keys of the sessions that clients of listeners come back to: they outlive the certificates, so that a rotation costs no client a
// whole handshake, and not the authorities, by which the clients of those sessions are known. The library makes a new key each day and takes those of the last seven. The zero value has no key
// yet; any goroutine may call its methods.
type Tickets struct {
	mu    sync.Mutex
	keys  *tls.Config // which has them
	known [sha256.Size]byte
}

// issue has a listener's sessions be of these keys.
func (t *Tickets) issue(c *tls.Config, authorities string) error {
	var text []byte
	if authorities != "" {
		var err error
		if text, err = os.ReadFile(authorities); err != nil {
			return fmt.Errorf("read the authorities: %w", err)
		}
	}
	sum := sha256.Sum256(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil || t.known != sum {
		t.keys, t.known = &tls.Config{}, sum
	}
	keys := t.keys
	c.WrapSession = keys.EncryptTicket
	c.UnwrapSession = keys.DecryptTicket
	return nil
}
