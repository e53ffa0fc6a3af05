package mesh

import (
	"strings"
	"testing"
	"time"
)

// A prepared CREATE TABLE … LIKE copies the definition that a table has when it is executed, where the rules have it then.
func TestPreparedLikeAfterRulesHaveMoved(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	lone := func(on string) string { return l.rules("  copy: {key: id}\nsingle: {" + on + ": [lone]}\n") }
	l.apply(lone("ds_0"))
	db := l.open(l.start("a", ""))
	for i, columns := range []string{"id INT PRIMARY KEY, old INT", "id INT PRIMARY KEY, young INT"} {
		if err := direct(env.Shards[i].Config(l.database), "CREATE TABLE lone ("+columns+")"); err != nil {
			t.Fatal(err)
		}
	}
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	made := func() string {
		t.Helper()
		for _, text := range []string{"EXECUTE make", "SELECT 1 FROM copy"} {
			if _, err := c.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		var name, definition string
		if err := c.QueryRowContext(t.Context(), "SHOW CREATE TABLE copy").Scan(&name, &definition); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecContext(t.Context(), "DROP TABLE copy"); err != nil {
			t.Fatal(err)
		}
		return definition
	}
	if _, err := c.ExecContext(t.Context(), "PREPARE make FROM 'CREATE TABLE copy LIKE lone'"); err != nil {
		t.Fatal(err)
	}
	if got := made(); !strings.Contains(got, "`old`") {
		t.Errorf("before the rules change: %s", got)
	}
	v := l.apply(lone("ds_1")) // which does not move what is on ds_0: it is stale
	l.runs(v, 20*time.Second, "a")
	if got := made(); !strings.Contains(got, "`young`") {
		t.Errorf("after the rules have changed: %s", got)
	}
}
