package sidecar

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// weigher asks a server for the weights of text that the proxy cannot weigh itself, and remembers them. It implements
// sharding.Weigher.
type weigher struct {
	pools *backend.Pools

	mu    sync.Mutex // guards what follows
	known map[weighed][]byte
	bytes int
}

type weighed struct{ collation, charset, text string }

// weigherBytes bounds what is remembered; beyond it everything is forgotten at once, which costs a question each.
const weigherBytes = 8 << 20

// Weight returns WEIGHT_STRING of text under collation.
func (w *weigher) Weight(ctx context.Context, collation, charset string, text []byte) ([]byte, error) {
	key := weighed{collation, charset, string(text)}
	w.mu.Lock()
	weight, ok := w.known[key]
	w.mu.Unlock()
	if ok {
		return weight, nil
	}
	weight, err := w.ask(ctx, collation, charset, text)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes += len(text) + len(weight) + 128; w.known == nil || w.bytes > weigherBytes {
		w.known, w.bytes = map[weighed][]byte{}, len(text)+len(weight)+128
	}
	w.known[key] = weight
	return weight, nil
}

func (w *weigher) ask(ctx context.Context, collation, charset string, text []byte) ([]byte, error) {
	names := w.pools.Names()
	if len(names) == 0 {
		return nil, fmt.Errorf("weigh text: there is no data source")
	}
	lease, err := w.pools.Acquire(ctx, names[0], 0, nil)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	if err := lease.Apply(ctx, backend.NewState(), 0); err != nil {
		return nil, err
	}
	own, _, _ := cutCollation(collation)
	literal := "_" + charset + " x'" + hex.EncodeToString(text) + "'"
	converted := "CONVERT(" + literal + " USING " + own + ")"
	sql := "SELECT WEIGHT_STRING(" + converted + " COLLATE " + collation + "), CONVERT(" + converted + " USING " + charset + ") <=> " + literal + " COLLATE " + binOf(charset)
	_, rows, err := lease.Conn().QueryRows(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("weigh text under %s: %w", collation, err)
	}
	if string(rows[0][1]) != "1" {
		return nil, sharding.ErrLossy
	}
	return append([]byte{}, rows[0][0]...), nil
}

// cutCollation gives the charset that a collation's name begins with.
func cutCollation(collation string) (charset, rest string, ok bool) {
	for i := range len(collation) {
		if collation[i] == '_' {
			return collation[:i], collation[i+1:], true
		}
	}
	return collation, "", false
}

func binOf(charset string) string {
	if charset == "binary" {
		return "binary"
	}
	return charset + "_bin"
}
