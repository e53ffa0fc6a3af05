package claim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
)

// memory is what an instance keeps on its own disk about worker ids.
type memory struct {
	Secret string               `json:"secret"` // whose hash stands in the store
	Marks  map[uint16]time.Time `json:"marks"`  // up to when an id may have been used
}

// readMemory makes a new one where there is none. It is written with the first mark.
func readMemory(path string) (memory, error) {
	m := memory{Secret: rand.Text(), Marks: map[uint16]time.Time{}}
	if path == "" {
		return m, nil
	}
	data, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return m, fmt.Errorf("memory of worker ids: %w", err)
	}
	if m.Marks == nil {
		m.Marks = map[uint16]time.Time{}
	}
	return m, nil
}

// mark notes, durably, that the id may be used up to until. A mark is neither lowered nor forgotten, however long past it seems: the clock may have been
// ahead, and be set back. There are no more of them than ids.
func (m *memory) mark(path string, id uint16, until time.Time) error {
	if old, ok := m.Marks[id]; ok && !until.After(old) {
		return nil
	}
	marks := maps.Clone(m.Marks)
	marks[id] = until
	next := memory{Secret: m.Secret, Marks: marks}
	if path != "" {
		data, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode the memory of worker ids: %w", err)
		}
		if err := durable.Write(path, data); err != nil {
			return fmt.Errorf("note the use of worker id %d: %w", id, err)
		}
	}
	*m = next
	return nil
}

func (m *memory) proof() string {
	sum := sha256.Sum256([]byte("heddle worker id\x00" + m.Secret))
	return hex.EncodeToString(sum[:])
}
