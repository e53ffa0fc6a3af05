// Package durable writes small files that are whole or not there: the last good documents, the journal of a barrier,
// the memory of a worker id.
//
// It is not a log and not a database: a file is replaced as one. Its level: a leaf of governance.
package durable

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const magic = "heddle-file 1"

// ErrDamaged is a file that is truncated, changed, or not one of ours.
var ErrDamaged = errors.New("the file is damaged")

// Write replaces the file by payload, under a header with its length and checksum: a temporary file beside it,
// synced, renamed, and the directory synced. After an error the old file stands. The file is readable by its owner only.
func Write(path string, payload []byte) error {
	sum := sha256.Sum256(payload)
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "%s %d %s\n", magic, len(payload), hex.EncodeToString(sum[:]))
	buf.Write(payload)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return Replace(path, buf.Bytes(), 0o600)
}

// Replace replaces a file that others read by data, as Write does, without a header.
func Replace(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return syncDir(dir)
}

// Read returns the payload. An absent file is fs.ErrNotExist, a bad one ErrDamaged.
func Read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	payload, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return payload, nil
}

func parse(data []byte) ([]byte, error) {
	head, payload, ok := bytes.Cut(data, []byte("\n"))
	rest, ours := bytes.CutPrefix(head, []byte(magic+" "))
	if !ok || !ours {
		return nil, fmt.Errorf("%w: it has no header", ErrDamaged)
	}
	sum := sha256.Sum256(payload)
	if want := fmt.Sprintf("%d %s", len(payload), hex.EncodeToString(sum[:])); string(rest) != want {
		return nil, fmt.Errorf("%w: length or checksum differ from its header", ErrDamaged)
	}
	return payload, nil
}

// Remove deletes the file durably; an absent file is fine.
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
