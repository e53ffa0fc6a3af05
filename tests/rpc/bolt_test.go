package rpc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// peers compiles a program of peers in Java and returns how it is begun with arguments.
func peers(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	libraries := filepath.Join(harness.Install(t, "peers", "1", []string{"peers/pom.xml"}, func(dir string) error {
		if err := harness.CopyFiles(dir, "peers/pom.xml"); err != nil {
			return err
		}
		return harness.Command(t, dir, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars")
	}), "jars", "*")
	classes := t.TempDir()
	if err := harness.Command(t, ".", "javac", "-Xlint:all,-path,-classfile", "-Werror", "-proc:none", "-cp", libraries, "-d", classes, "peers/Checks.java", "peers/"+name+".java"); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlogging.path=" + t.TempDir(), "-Duser.home=" + t.TempDir(), "-Dbolt.netty.epoll.switch=false",
		"--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.math=ALL-UNNAMED", "-cp", classes + string(filepath.ListSeparator) + libraries, "peers." + name}, args...)
	cmd := exec.CommandContext(t.Context(), "java", all...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	return cmd
}

// checked runs peers, each of whose lines is the outcome of a check, or is for other, until they have had that many.
func checked(t *testing.T, cmd *exec.Cmd, m *mesh, want int, other func(line string, in io.Writer)) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	checks, done := 0, false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		other(line, in)
		switch {
		case strings.HasPrefix(line, "ok "):
			checks++
		case line == "done":
			done = true
		case strings.HasPrefix(line, "not ok "):
			t.Error(line)
		default:
			t.Log(line)
		}
	}
	if err := cmd.Wait(); err != nil || !done || checks != want {
		t.Errorf("%d checks of %d were well; %v\n%s\n%s", checks, want, err, stderr.String(), m.Log())
	}
}

// onewayIsCounted waits until as many oneway calls are counted, and then has the peers go on.
func onewayIsCounted(t *testing.T, m *mesh, in io.Writer, n int) {
	t.Helper()
	eventually(t, "oneway calls are counted", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, fmt.Sprintf(`heddle_rpc_calls_total{cluster="stock",route="stock",status="202"} %d`, n))
	})
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Error(err)
	}
}

// mute takes connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().String()
}

// beats sees that a server answers the heartbeat that servers are checked by.
func beats(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // fails only on a closed connection
	if _, err := c.Write(bolt.AppendHeartbeat(nil, 7)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len(bolt.AppendHeartbeat(nil, 7))-2)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	if f, _, err := bolt.Split(answer, len(answer)); err != nil || f == nil || !f.Heartbeat() || f.Type() != bolt.Answer || f.ID() != 7 || f.Status() != bolt.Success {
		t.Errorf("a heartbeat is answered % x, %v", answer, err)
	}
}

// The Java library's own server and client, in all versions of the protocol, and in the first by a description of it.
func TestBoltOfJava(t *testing.T) {
	t.Run("known", func(t *testing.T) {
		boltOfJava(t, "bolt", "", "_PROTOCOL=1&_VERSION=1", "_PROTOCOL=2&_VERSION=1", "_PROTOCOL=2&_VERSION=2")
	})
	t.Run("described", func(t *testing.T) {
		boltOfJava(t, "x-bolt", `protocols:
  x-bolt:
    magic: "01"
    head: 22
    parts: [class, header, content]
    lengths: [{at: 14, width: 2, of: class}, {at: 16, width: 2, of: header}, {at: 18, width: 4, of: content}]
    answer: {head: 20, lengths: [{at: 12, width: 2, of: class}, {at: 14, width: 2, of: header}, {at: 16, width: 4, of: content}]}
    id: {at: 5, width: 4}
    kind: {at: 1, width: 3, request: [0x010001], oneway: [0x020001], answer: [0x000002], heartbeat: [0x010000], heartbeat_answer: [0x000000]}
    status: {at: 10, width: 2, failed: 1, tell: {400: 6, 404: 6, 502: 16, 503: 8, 504: 7}, count: {6: 404, 8: 503, 7: 504}, unexecuted: [4]}
    deadline: {at: 10, width: 4}
    metadata: {part: header, key: 4, value: 4, service: sofa_head_target_service, method: sofa_head_method_name}
    failure: "01 000002 01 00000000 01 0000 0000 0000 00000000"
    heartbeat: "01 010000 01 00000000 01 ffffffff 0000 0000 00000000"
    heartbeat_answer: "01 000000 01 00000000 01 0000 0000 0000 00000000"
`, "_PROTOCOL=1&_VERSION=1")
	})
}

func boltOfJava(t *testing.T, protocol, described string, versions ...string) {
	server, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, fmt.Sprintf(`clusters:
  stock: {protocol: %[1]s, endpoints: [%[2]q], health: {check: {interval: 100ms, timeout: 10s}}}
  mute: {protocol: %[1]s, endpoints: [%[3]q]}
  down: {protocol: %[1]s, endpoints: ["127.0.0.1:1"]}
routes:
  - {name: stock, path: {exact: /stock/ask}, to: stock, timeout: 20s}
  - {path: {prefix: /mute}, to: mute, timeout: 200ms}
  - {path: {prefix: /down}, to: down}
`, protocol, server, mute(t))+described, "rpc.log", "failed")
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	checked(t, peers(t, "Bolt", append([]string{port, m.addr}, versions...)...), m, 9*len(versions)+2, func(line string, in io.Writer) {
		if line == "ok oneway" {
			beats(t, server)
			onewayIsCounted(t, m, in, len(versions))
		}
	})
}

// Servers of Bolt are replaced under load without a call that fails, and the drain answers what is under way.
func TestBoltServersAreReplaced(t *testing.T) {
	routes := func(addr string) string {
		return fmt.Sprintf("clusters: {stock: {protocol: bolt, endpoints: [%q]}}\nroutes: [{name: all, to: stock}]\n", addr)
	}
	var servers [2]string
	for i := range servers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		servers[i] = l.Addr().String()
		go bolttest.Serve(l, func(out []byte, f bolt.Frame) []byte {
			if f.Heartbeat() || f.Type() != bolt.Request {
				return out
			}
			return bolttest.Message{ID: f.ID(), Class: servers[i], Content: f.Content()}.Append(out)
		})
	}
	m := start(t, routes(servers[0]), "rpc.log", "failed")
	c, err := net.Dial("tcp", m.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // fails only on a closed connection
	r := bolt.NewReader(c, 1<<20, nil)
	const outstanding = 32
	ask := func(out []byte, id uint32) []byte {
		return bolttest.Message{Type: bolt.Request, ID: id, Timeout: 30_000, Class: "com.shop.Ask", Content: fmt.Appendf(nil, "%d", id)}.Append(out)
	}
	var out []byte
	for id := range uint32(outstanding) {
		out = ask(out, id)
	}
	seen := map[string]int{}
	for next, turn := uint32(outstanding), 0; turn < 4; {
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				t.Fatal(err)
			}
			out = out[:0]
		}
		f, err := r.Next()
		if err == nil && f == nil {
			if err = r.More(); err == nil {
				continue
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Status() != bolt.Success || string(f.Content()) != fmt.Sprint(f.ID()) {
			t.Fatalf("%d is answered with status %d: %q", f.ID(), f.Status(), f.Content())
		}
		out, next = ask(out, next), next+1
		if seen[string(f.Class())]++; string(f.Class()) != servers[turn%2] || seen[string(f.Class())] < 1000 {
			continue
		}
		clear(seen)
		turn++ // the other's turn
		m.write(routes(servers[turn%2]))
		if err := m.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	// The last requests are under way, or come too late.
	if err := m.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := r.Next()
		if err == nil && f == nil {
			if err = r.More(); err == nil {
				continue
			}
		}
		if err != nil {
			break // its end
		}
		if f.Status() != bolt.Success {
			t.Errorf("at the drain: status %d", f.Status())
		}
	}
	select {
	case <-m.Done():
	case <-time.After(20 * time.Second):
		t.Error("the process does not end")
	}
}
