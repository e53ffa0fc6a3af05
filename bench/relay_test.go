package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// end is one side of a relay: the messages that it says, and what it was told.
type end struct {
	says [][]byte
	told bytes.Buffer
}

func (e *end) Read(p []byte) (int, error) {
	if len(e.says) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.says[0])
	if e.says[0] = e.says[0][n:]; len(e.says[0]) == 0 {
		e.says = e.says[1:]
	}
	return n, nil
}

func (e *end) Write(p []byte) (int, error) { return e.told.Write(p) }

func TestTakeTurns(t *testing.T) {
	long := bytes.Repeat([]byte("abcdefgh"), relayBuffer/8*2+3) // more than two buffers
	server := &end{says: [][]byte{[]byte("hello"), long, []byte("bye")}}
	client := &end{says: [][]byte{[]byte("who"), []byte("thanks")}}
	if err := takeTurns(client, server); !errors.Is(err, io.EOF) {
		t.Fatalf("the relay ends with %v", err)
	}
	if got := server.told.String(); got != "whothanks" {
		t.Errorf("the server was told %q", got)
	}
	if want := "hello" + string(long) + "bye"; client.told.String() != want {
		t.Errorf("the client was told %d bytes, want %d", client.told.Len(), len(want))
	}
}
