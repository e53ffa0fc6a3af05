package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/layout"
)

// InDir is the journal of an instance that stands alone, a file an entry. Several processes may have it open: the
// instance, and an operator's command.
func InDir(dir, instance string, now func() time.Time) *Journal {
	return open(dirKeeper{dir}, instance, now)
}

type dirKeeper struct{ dir string }

func (k dirKeeper) path(id string) (string, error) {
	if id == "" || strings.ContainsAny(id, "/\\") || strings.HasPrefix(id, ".") {
		return "", fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return filepath.Join(k.dir, id), nil
}

func (k dirKeeper) read(_ context.Context, id string) (record, error) {
	path, err := k.path(id)
	if err != nil {
		return record{}, err
	}
	data, err := durable.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return record{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	case errors.Is(err, durable.ErrDamaged):
		return record{id: id, version: "damaged", damaged: err}, nil
	}
	return record{id: id, data: data, version: layout.Checksum(data)}, err
}

func (k dirKeeper) all(ctx context.Context) ([]record, error) {
	files, err := os.ReadDir(k.dir) // by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the DDL journal: %w", err)
	}
	var out []record
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".") {
			continue // the lock, or the rest of a write that a crash cut off
		}
		r, err := k.read(ctx, f.Name())
		if errors.Is(err, ErrNotFound) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (k dirKeeper) write(ctx context.Context, r record) error {
	path, err := k.path(r.id)
	if err != nil {
		return err
	}
	unlock, err := durable.Lock(filepath.Join(k.dir, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	now, err := k.read(ctx, r.id)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	case now.version != r.version:
		return errChanged
	}
	return durable.Write(path, r.data)
}

func (k dirKeeper) remove(_ context.Context, ids []string) error {
	for _, id := range ids {
		path, err := k.path(id)
		if err != nil {
			return err
		}
		if err := durable.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
