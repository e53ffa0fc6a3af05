package barrier

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/heddle-mesh/heddle/governance/durable"
)

// Leave marks on the disk, durably, that the instance is about to leave the members. The caller has ended all statements, lets
// none begin, and only then has itself forgotten: an instance that starts with the mark serves no table of a document that
// it has on its disk before it has joined again and read the document's pointer.
func (w *Watcher) Leave() error {
	if w.cfg.Dir == "" {
		return nil // without a lease it serves nothing either way
	}
	if err := durable.Write(w.mark(), []byte("left")); err != nil {
		return fmt.Errorf("mark that the instance leaves: %w", err)
	}
	return nil
}

func (w *Watcher) mark() string { return filepath.Join(w.cfg.Dir, "left-"+w.cfg.Kind) }

// hasLeft reports whether the mark is there. One that is damaged is one.
func (w *Watcher) hasLeft() (bool, error) {
	if w.cfg.Dir == "" {
		return false, nil
	}
	_, err := durable.Read(w.mark())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, durable.ErrDamaged):
		return true, nil
	}
	return err == nil, err
}

// returned removes the mark once the instance is a member and has adopted the outcome for every document that it started with.
func (w *Watcher) returned() {
	if !w.left || !w.alive {
		return
	}
	for _, d := range w.docs {
		if d.p.Outside() {
			return
		}
	}
	if err := durable.Remove(w.mark()); err != nil {
		w.cfg.Alarm(fmt.Errorf("the mark of having left: %w", err))
		return
	}
	w.left = false
}
