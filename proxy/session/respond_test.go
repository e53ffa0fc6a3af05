package session

import (
	"bytes"
	"errors"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// packetsOf are the packets of an answer.
func packetsOf(t *testing.T, b []byte) (packets [][]byte) {
	t.Helper()
	for len(b) > 0 {
		n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		packets = append(packets, b[4:4+n])
		b = b[4+n:]
	}
	return packets
}

// A row that cannot be written ends the answer with its error: an EOF behind that would be the answer to the client's next
// command.
func TestRowThatCannotBeWrittenEndsTheAnswer(t *testing.T) {
	s := newScripted(t, "bench")
	s.session.client.Caps &^= wire.CapDeprecateEOF
	columns := []sqltypes.Column{{Name: "?", Type: sqltypes.Long}}
	rows := merge.NewRows(columns, []sqltypes.Row{{[]byte("5")}, {[]byte("4000000000")}, {[]byte("6")}})
	err := s.session.writeRows(t.Context(), rows, exec.BinaryRows, func() *wire.OK {
		t.Error("the rows are ended although one of them was an error")
		return &wire.OK{}
	})
	if err == nil {
		err = s.session.client.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	got := packetsOf(t, s.client.last)
	if len(got) != 5 { // count, definition, EOF, row, ERR
		t.Fatalf("the answer has %d packets: %q", len(got), got)
	}
	if !wire.IsErr(got[4]) {
		t.Errorf("the answer ends with %q", got[4])
	}
}

// Whatever fails behind the end of an answer ends the session and writes nothing.
func TestNothingFollowsTheEndOfAnAnswer(t *testing.T) {
	ends := map[string]func(*Session) error{
		"OK":  func(s *Session) error { return s.sendOK(&wire.OK{}) },
		"EOF": func(s *Session) error { return s.sendEnd(&wire.OK{}) },
		"ERR": func(s *Session) error { return s.writeError(errors.New("the first")) },
	}
	for name, end := range ends {
		for behind, again := range ends {
			s := newScripted(t, "bench").session
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			before := s.client.Writer.Buffered()
			if err := again(s); err == nil {
				t.Errorf("%s behind %s is no error", behind, name)
			}
			if after := s.client.Writer.Buffered(); after != before {
				t.Errorf("%s behind %s writes %d bytes", behind, name, after-before)
			}
		}
	}
}

// A result that others follow is not the end.
func TestSeveralResultsAreOneAnswer(t *testing.T) {
	s := newScripted(t, "bench")
	s.session.more = true
	if err := s.session.sendOK(&wire.OK{}); err != nil {
		t.Fatal(err)
	}
	if err := s.session.writeError(errors.New("the second")); err != nil {
		t.Fatal(err)
	}
	if err := s.session.client.Flush(); err != nil {
		t.Fatal(err)
	}
	got := packetsOf(t, s.client.last)
	if len(got) != 2 || !wire.IsOK(got[0]) || !bytes.Contains(got[1], []byte("the second")) {
		t.Errorf("answered %q", got)
	}
}
