package session

import (
	"bytes"
	"testing"
)

// A server that asks for a file although the statement names none gets nothing: the client is told so and asked for nothing.
func TestFileThatNoStatementAsksFor(t *testing.T) {
	for _, c := range []struct {
		sql   string
		asked bool
	}{
		{"SELECT c FROM sbtest1 WHERE id=1", false},
		{"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE sbtest1", true},
	} {
		s := newScripted(t, "bench")
		s.run(1, nil, texts("SELECT c FROM sbtest1 WHERE id=2")...)
		for _, server := range s.servers {
			server.greedy = true
		}
		s.run(1, nil, texts(c.sql)...)
		if asked := bytes.Contains(s.client.last, []byte("\xfb/etc/passwd")); asked != c.asked {
			t.Errorf("%s: the client is asked for the file: %v; its answer is %q", c.sql, asked, s.client.last)
		}
		if !c.asked && !bytes.Contains(s.client.last, []byte("asks for a file")) {
			t.Errorf("%s: the client is not told why: %q", c.sql, s.client.last)
		}
	}
}
