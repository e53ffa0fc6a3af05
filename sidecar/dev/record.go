package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// record is the file beside a data directory from which a later process recognises the server of an earlier one.
// It is written twice: before the start without a PID, so that a kill between start and write is noticed, and after.
type record struct {
	identity
	Datadir string `json:"datadir"`
	Port    int    `json:"port"` // tried first at the next start, so that rules that name it stay true
}

const recordName = "server.json"

func writeRecord(dir string, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the server record: %w", err)
	}
	path := filepath.Join(dir, recordName)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("write the server record: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the server record: %w", err)
	}
	return nil
}

// readRecord returns the zero record if there is none. A torn record is treated like a missing PID.
func readRecord(dir string) (record, error) {
	b, err := os.ReadFile(filepath.Join(dir, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("read the server record: %w", err)
	}
	r := record{}
	if json.Unmarshal(b, &r) != nil {
		return record{Datadir: filepath.Join(dir, "data")}, nil
	}
	return r, nil
}

// Orphan is a server that an earlier process left running and that Open has ended.
type Orphan struct {
	Name string // of the server, such as ds_0
	PID  int
	How  string // "terminated" or "killed"
}

func (o Orphan) String() string { return fmt.Sprintf("%s (process %d, %s)", o.Name, o.PID, o.How) }

// endOrphan ends the server that still runs in dir/data, if there is one. The caller holds the lock of the farm, so
// whoever started that server is gone.
func endOrphan(ctx context.Context, dir string) (*Orphan, error) {
	r, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	datadir := filepath.Join(dir, "data")
	id := r.identity
	switch {
	case r.Datadir == "":
		return nil, nil
	case r.PID == 0: // the start was under way, or the record says that the server was stopped
		id = findServer(datadir)
	case !serves(commandLine(r.PID), datadir): // the PID went to another program
		id = identity{}
	}
	if !alive(id) {
		return nil, nil
	}
	how, err := endStranger(ctx, id, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &Orphan{Name: filepath.Base(dir), PID: id.PID, How: how}, nil
}
