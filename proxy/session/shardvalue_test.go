package session

import (
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// sentTo are the texts that the server of a schema was sent, as far as they name the table logs.
func (s *scripted) sentTo(schema string) []string {
	var out []string
	for _, server := range s.servers {
		for _, text := range server.asked {
			if strings.Contains(text, "logs") && server.schema == schema {
				out = append(out, text)
			}
		}
	}
	return out
}

// What SET heddle_shard_value says holds for the statements after it, prepared ones included, until it says otherwise.
func TestShardValue(t *testing.T) {
	s := newScripted(t, "mesh")
	s.keepAll()
	s.run(10, nil, texts(
		"SET heddle_shard_value = 1", "INSERT INTO logs VALUES (1, 'a')",
		"SET heddle_shard_value = 'logs=4'", "INSERT INTO logs VALUES (2, 'a')",
		"INSERT /*+ heddle(shard_value=3) */ INTO logs VALUES (3, 'a')",
		"SET SESSION heddle_shard_value = 'other=1'", "INSERT INTO logs VALUES (4, 'a')",
		"SET heddle_shard_value = 'x'", "SET @@heddle_shard_value = 0", "DELETE FROM logs WHERE id = 5",
	)...)
	s.run(2, nil, texts("SET heddle_shard_value = DEFAULT", "DELETE FROM logs WHERE id = 6")...)
	zero := []string{"INSERT INTO logs VALUES (2, 'a')", "DELETE FROM logs WHERE id = 5", "DELETE FROM logs WHERE id = 6"}
	one := []string{"INSERT INTO logs VALUES (1, 'a')", "INSERT /*+ heddle(shard_value=3) */ INTO logs VALUES (3, 'a')", "DELETE FROM logs WHERE id = 6"}
	if got := s.sentTo("mesh_0"); !slices.Equal(got, zero) {
		t.Errorf("shard 0 was sent %q, want %q", got, zero)
	}
	if got := s.sentTo("mesh_1"); !slices.Equal(got, one) {
		t.Errorf("shard 1 was sent %q, want %q", got, one)
	}
}

// A statement that was prepared before goes where the session's hint says when it runs.
func TestShardValueOfPrepared(t *testing.T) {
	s := newScripted(t, "mesh")
	s.keepAll()
	s.run(4, framed(wire.ComStmtPrepare, "SELECT c FROM logs WHERE id=?"), append(append(
		executes(1), texts("SET heddle_shard_value = 1")...), executes(2, 3)...)...)
	var counts []int
	for _, schema := range []string{"mesh_0", "mesh_1"} {
		n := 0
		for _, server := range s.servers {
			if server.schema == schema {
				n += server.executed
			}
		}
		counts = append(counts, n)
	}
	if !slices.Equal(counts, []int{1, 3}) {
		t.Errorf("the shards ran it %v times, want 1 and 3", counts)
	}
}

func TestShardValues(t *testing.T) {
	s := newScripted(t, "mesh").session
	_ = s.setShardValues(map[string]int64{"": 5, "logs": -1})
	if got, want := s.shardValueText(), "_utf8mb4 '5, logs=-1'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for table, want := range map[string]int64{"LOGS": -1, "x": 5} {
		if n, ok := s.router.ShardValue(table); !ok || n != want {
			t.Errorf("%s: %d %v", table, n, ok)
		}
	}
	_ = s.setShardValues(nil)
	if s.router.ShardValue != nil || s.shardValueText() != "NULL" || s.hintedTables() != nil {
		t.Error("a value that was taken back is still there")
	}
}
