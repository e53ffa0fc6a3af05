package sidecar

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/reload"
)

// notices is a log for what repeats itself as long as it lasts.
type notices struct {
	*zap.Logger

	mu   sync.Mutex // guards what follows
	said map[string]time.Time
	away map[string]bool // kinds of documents whose store is away
}

// sayAgain is how often a problem that lasts is logged.
const sayAgain = time.Minute

func newNotices(log *zap.Logger) *notices {
	return &notices{Logger: log.Named("mesh"), said: map[string]time.Time{}, away: map[string]bool{}}
}

// problem logs an error that somebody tries to overcome: at once, and every minute while its text stays the same.
func (n *notices) problem(what string, err error) {
	n.mu.Lock()
	key := what + "\x00" + err.Error()
	last := n.said[key]
	again := time.Since(last) >= sayAgain
	if again {
		if len(n.said) > 1000 {
			clear(n.said) // texts that never come back
		}
		n.said[key] = time.Now()
	}
	n.mu.Unlock()
	if again {
		n.Warn("mesh problem", zap.String("about", what), zap.Error(err))
	}
}

// alarm logs what an operator should know of documents.
func (n *notices) alarm(a reload.Alarm) {
	fields := []zap.Field{zap.String("reason", string(a.Reason)), zap.Stringer("document", a.Document), zap.Error(a.Err)}
	if a.Version > 0 {
		fields = append(fields, zap.Int64("version", a.Version))
	}
	if a.Reason == reload.StoreAway {
		n.mu.Lock()
		n.away[a.Document.Kind] = true
		n.mu.Unlock()
		n.Warn("alarm", fields...)
		return
	}
	n.Error("alarm", fields...)
}

// returned reports, once, that the store of a kind of documents was away.
func (n *notices) returned(kind string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.away[kind]
	delete(n.away, kind)
	return was
}
