package interop

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// deadlinePrograms are programs around what docs/calls.md shows of how a service tells its statements the time of the call that it works for. They are told an address and the field of the call, and
// say "fine", or the number of the statement's error.
var deadlinePrograms = []struct {
	language, file, text string
	run                  func(t *testing.T, dir, file string) (name string, args []string) // how it is run, once it is written
}{
	{"go", "main.go", `package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

func main() {
	db, err := sql.Open("mysql", "root@tcp("+os.Args[1]+")/go_one")
	if err != nil {
		panic(err)
	}
	r := &http.Request{Header: http.Header{}}
	r.Header.Set("x-request-timeout-ms", os.Args[2])
	if err = serve(db, r); err == nil {
		fmt.Println("fine")
		return
	}
	var of *mysql.MySQLError
	if !errors.As(err, &of) {
		panic(err)
	}
	fmt.Println(of.Number)
}

func serve(db *sql.DB, r *http.Request) error {
EXAMPLE
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
`, func(t *testing.T, dir, file string) (string, []string) {
		program := filepath.Join(dir, "main")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, file).CombinedOutput(); err != nil { // with the modules of this one
			t.Fatalf("%v\n%s", err, out)
		}
		return program, nil
	}},
	{"java", "Deadline.java", `import java.sql.*;

public class Deadline {
    record Request(String field) {
        String getHeader(String name) { return name.equals("x-request-timeout-ms") ? field : null; }
    }

    public static void main(String[] args) throws Exception {
        Request request = new Request(args[1]);
        try (Connection connection = DriverManager.getConnection("jdbc:mysql://" + args[0] + "/go_one?user=root"); Statement statement = connection.createStatement()) {
EXAMPLE
            System.out.println("fine");
        } catch (SQLException e) {
            System.out.println(e.getErrorCode());
        }
    }
}
`, func(t *testing.T, _, file string) (string, []string) {
		return "java", []string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", javaClasses(t), file}
	}},
	{"python", "main.py", `import sys
import time
import types

import pymysql

host, port = sys.argv[1].split(":")
request = types.SimpleNamespace(headers={"x-request-timeout-ms": sys.argv[2]})
cursor = pymysql.connect(host=host, port=int(port), user="root", database="go_one").cursor()
try:
EXAMPLE
    print("fine")
except pymysql.MySQLError as e:
    print(e.args[0])
`, func(t *testing.T, _, file string) (string, []string) { return python(t), []string{"-B", file} }},
	{"js", "main.js", `const mysql = require('mysql2/promise');
(async () => {
    const [host, port] = process.argv[2].split(':');
    const request = { headers: { 'x-request-timeout-ms': process.argv[3] } };
    const connection = await mysql.createConnection({ host, port: Number(port), user: 'root', database: 'go_one' });
    try {
EXAMPLE
        console.log('fine');
    } catch (e) {
        console.log(e.errno ?? e);
    }
    await connection.end();
})();
`, func(t *testing.T, _, file string) (string, []string) {
		program := filepath.Join(nodeFolder(t), "main.js")
		text, err := os.ReadFile(file)
		if err = errors.Join(err, os.WriteFile(program, text, 0o600)); err != nil {
			t.Fatal(err)
		}
		return "node", []string{program}
	}},
}

// What the guide shows of services that tell their statements how long their caller waits does so, in the language and with the drivers that it is written for.
func TestDeadlinesOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/calls.md")
	if err != nil {
		t.Fatal(err)
	}
	db := lab.heddle.Open(t, "root", "", "go_one")
	set := func(q string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	set("CREATE TABLE deadline (takes DOUBLE)")
	set("INSERT INTO deadline VALUES (0)")
	for _, p := range deadlinePrograms {
		t.Run(p.language, func(t *testing.T) {
			_, behind, _ := strings.Cut(string(guide), "```"+p.language+"\n")
			example, _, _ := strings.Cut(behind, "```")
			if strings.Count(example, "SELECT …") != 1 {
				t.Fatalf("the example is\n%s", example)
			}
			example = "    " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n    ") // as Python wants it
			example = strings.ReplaceAll(example, "SELECT …", "SELECT SLEEP(takes) FROM deadline")
			dir := t.TempDir()
			file := filepath.Join(dir, p.file)
			if err := os.WriteFile(file, []byte(strings.Replace(p.text, "EXAMPLE", example, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			name, args := p.run(t, dir, file)
			for _, c := range []struct{ takes, field, want string }{{"0.3", "60000", "fine"}, {"0.3", "0", "1969"}, {"60", "500", "1969"}} {
				set("UPDATE deadline SET takes = " + c.takes)
				out, err := exec.CommandContext(t.Context(), name, append(slices.Clone(args), lab.heddle.Addr, c.field)...).CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
					t.Errorf("%s s with %s ms: %q, %v, not %s", c.takes, c.field, got, err, c.want)
				}
			}
		})
	}
}
