package layout

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/governance/store"
)

// MaxDocument bounds a document in bytes. Its record must fit into one value of the store, too: what is longer than maxPlain is packed
// there, to about a tenth.
const MaxDocument = 8 << 20

// maxPlain is up to where documents are readable in the store, escapes included.
const maxPlain = 400 << 10

// Version is one immutable version of a document, as it stands in the store and in the last-good file.
type Version struct {
	Number   int64     `json:"version"`
	Author   string    `json:"author"`
	Time     time.Time `json:"time"`
	Comment  string    `json:"comment,omitempty"`
	Dropped  bool      `json:"dropped,omitempty"` // the document ends with this version; Text is empty
	Checksum string    `json:"checksum"`          // of Text
	Text     string    `json:"document"`
}

// versionRecord is a Version in the store.
type versionRecord struct {
	Version
	Packed []byte `json:"document_gzip,omitempty"` // in place of Text
}

// Checksum is SHA-256 in hexadecimal.
func Checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Encode writes the record.
func (v Version) Encode() ([]byte, error) {
	if len(v.Text) > MaxDocument {
		return nil, fmt.Errorf("the document has %d bytes, at most %d are possible", len(v.Text), MaxDocument)
	}
	if !utf8.ValidString(v.Text) {
		return nil, errors.New("the document is not UTF-8")
	}
	v.Checksum = Checksum([]byte(v.Text))
	r := versionRecord{Version: v}
	if len(v.Text) > maxPlain {
		var err error
		if r.Packed, err = pack(v.Text); err != nil {
			return nil, err
		}
		r.Text = ""
	}
	record, err := marshal(r)
	if err == nil && len(record) > store.MaxValue {
		return nil, fmt.Errorf("the document of %d bytes makes a record of %d, at most %d are possible", len(v.Text), len(record), store.MaxValue)
	}
	return record, err
}

func pack(text string) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("pack the document: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("unpack the document: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return "", fmt.Errorf("unpack the document: %w", err)
	}
	if len(text) > MaxDocument {
		return "", fmt.Errorf("the packed document is longer than the %d bytes that are possible", MaxDocument)
	}
	return string(text), nil
}

// DecodeVersion reads a record; a text that does not fit its checksum is an error.
func DecodeVersion(data []byte) (Version, error) {
	var r versionRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return r.Version, fmt.Errorf("version record: %w", err)
	}
	v := r.Version
	if v.Number <= 0 {
		return v, errors.New("version record without a number")
	}
	if r.Packed != nil {
		text, err := unpack(r.Packed)
		if err != nil {
			return v, fmt.Errorf("version %d: %w", v.Number, err)
		}
		v.Text = text
	}
	if sum := Checksum([]byte(v.Text)); sum != v.Checksum {
		return v, fmt.Errorf("version %d is damaged: its checksum is %.12s…, the record says %.12s…", v.Number, sum, v.Checksum)
	}
	return v, nil
}

// The reasons of a pointer's move.
const (
	Applied    = "apply"
	RolledBack = "rollback"
	Placed     = "placement" // through the barrier
	Dropped    = "drop"
	Tried      = "canary" // the version in force stays; some instances run another
	Promoted   = "promote"
	Aborted    = "abort" // of a canary
)

// Pointer says which version is in force, and how that came.
type Pointer struct {
	Version int64 `json:"version"`
	// Serial grows with every move. It begins at the Unix time in milliseconds, so that it grows over a wiped store
	// too: a pointer whose serial is smaller than one that was seen comes from a store that was set back.
	Serial int64 `json:"serial"`
	// Placement counts the moves that went through the barrier. A version that places rows otherwise is adopted only
	// with a higher count.
	Placement int64     `json:"placement"`
	Barrier   string    `json:"barrier,omitempty"` // the barrier that moved it
	Reason    string    `json:"reason"`
	By        string    `json:"by"`
	Time      time.Time `json:"time"`
	Comment   string    `json:"comment,omitempty"`
	// Canary is what some instances run instead of Version; nil: all run Version. Every other move ends it.
	Canary *Canary `json:"canary,omitempty"`
}

// For is the version that an instance is to run.
func (p Pointer) For(instance string, labels map[string]string) int64 {
	if p.Canary != nil && p.Canary.Covers(instance, labels) {
		return p.Canary.Version
	}
	return p.Version
}

// Next is the pointer that follows p: to version, moved by author now.
func (p Pointer) Next(version int64, reason, author, comment string, now time.Time) Pointer {
	n := Pointer{Version: version, Serial: max(p.Serial+1, now.UnixMilli()), Placement: p.Placement,
		Reason: reason, By: author, Time: now.UTC(), Comment: comment}
	if reason == Placed {
		n.Placement++
	}
	return n
}

// Encode writes the record.
func (p Pointer) Encode() ([]byte, error) { return marshal(p) }

// DecodePointer reads a record.
func DecodePointer(data []byte) (Pointer, error) {
	var p Pointer
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("active pointer: %w", err)
	}
	if p.Version <= 0 || p.Serial <= 0 {
		return p, errors.New("active pointer without version or serial")
	}
	if p.Canary != nil && p.Canary.Version <= 0 {
		return p, errors.New("active pointer with a canary without version")
	}
	return p, nil
}

func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // documents stay readable in the store
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
