package wiretest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// ServerCaps is what the scripted server offers unless a greeting says otherwise: a MySQL server's, without TLS and
// compression.
const ServerCaps = wire.CapLongPassword | wire.CapFoundRows | wire.CapLongFlag | wire.CapConnectWithDB |
	wire.CapLocalFiles | wire.CapIgnoreSpace | wire.CapProtocol41 | wire.CapInteractive | wire.CapTransactions |
	wire.CapSecureConnection | wire.CapMultiStatements | wire.CapMultiResults | wire.CapPSMultiResults |
	wire.CapPluginAuth | wire.CapConnectAttrs | wire.CapPluginAuthLenenc | wire.CapSessionTrack | wire.CapDeprecateEOF

// Salt is the salt of scripted greetings.
const Salt = "abcdefghijklmnopqrst"

// Server is a scripted server's end of one connection.
type Server struct {
	*wire.ServerStream
	Conn  net.Conn
	Login *wire.Login // what the client sent, after ExpectLogin

	offered wire.Capability
}

// ScriptTimeout is how long a connection to Listen lives: a script that waits for something that does not come fails
// then, and names its step. Serve has no such limit, as its clock may be a fake one that leaps.
const ScriptTimeout = 30 * time.Second

// ServerStep is one step of a server's script.
type ServerStep func(*Server) error

// Serve plays steps on c and closes it. An error names the step.
func Serve(c net.Conn, steps ...ServerStep) error {
	defer c.Close()
	s := &Server{
		ServerStream: wire.NewServerStream(c, wire.Config{Pool: wire.NewPool(0)}),
		Conn:         c,
	}
	for i, step := range steps {
		if err := step(s); err != nil {
			return fmt.Errorf("wiretest: server step %d: %w", i, err)
		}
	}
	return nil
}

// Listen starts a scripted server on loopback and returns its address. The n-th connection plays the n-th script;
// further ones are closed. When the test ends, it waits for the scripts that were begun and reports their errors.
func Listen(tb testing.TB, scripts ...[]ServerStep) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("wiretest: listen: %v", err)
	}
	done := make(chan struct{})
	results := make(chan error, len(scripts))
	go func() {
		defer close(done)
		started := 0
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			if started == len(scripts) {
				c.Close()
				continue
			}
			steps := scripts[started]
			started++
			go func() {
				err := c.SetDeadline(time.Now().Add(ScriptTimeout))
				results <- errors.Join(err, Serve(c, steps...))
			}()
		}
		for range started {
			if err := <-results; err != nil {
				tb.Error(err)
			}
		}
	}()
	tb.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// DefaultGreeting is a greeting of a MySQL 8.0 with mysql_native_password.
func DefaultGreeting() *wire.Greeting {
	return &wire.Greeting{
		ServerVersion: "8.0.36", ConnectionID: 7, Salt: []byte(Salt), Capabilities: ServerCaps,
		Collation: byte(wire.CollationUTF8MB4GeneralCI), Status: wire.StatusAutocommit, AuthPlugin: wire.AuthNative,
	}
}

// Accept greets, takes any login and says OK.
func Accept() ServerStep {
	return func(s *Server) error {
		for _, step := range []ServerStep{Greet(DefaultGreeting()), ExpectLogin(nil), SendOK()} {
			if err := step(s); err != nil {
				return err
			}
		}
		return nil
	}
}

// Greet sends g.
func Greet(g *wire.Greeting) ServerStep {
	return func(s *Server) error {
		s.offered = g.Capabilities
		return Send(g)(s)
	}
}

// ExpectLogin reads the client's login, agrees on what both sides can, and has check look at it unless it is nil.
func ExpectLogin(check func(*wire.Login) error) ServerStep {
	return func(s *Server) error {
		p, err := s.ReadPacket()
		if err != nil {
			return fmt.Errorf("expect login: %w", err)
		}
		l, err := wire.ParseLogin(append([]byte(nil), p...))
		if err != nil {
			return fmt.Errorf("expect login: %w", err)
		}
		s.Login, s.Caps = l, l.Capabilities&s.offered
		if check == nil {
			return nil
		}
		return check(l)
	}
}

// ExpectCommand waits for exactly this command; payload is what follows its byte.
func ExpectCommand(want wire.Command, payload string) ServerStep {
	return func(s *Server) error {
		got, p, err := s.ReadCommand()
		if err != nil {
			return fmt.Errorf("expect %v: %w", want, err)
		}
		if got != want || string(p) != payload {
			return fmt.Errorf("expect %v %q: got %v %q", want, payload, got, p)
		}
		return nil
	}
}

// ExpectQuery waits for COM_QUERY with exactly this text.
func ExpectQuery(sql string) ServerStep {
	return func(s *Server) error {
		got, p, err := s.ReadCommand()
		if err != nil {
			return fmt.Errorf("expect query %q: %w", sql, err)
		}
		q, err := wire.ParseQuery(p, s.Caps)
		if got != wire.ComQuery || err != nil || string(q.SQL) != sql {
			return fmt.Errorf("expect query %q: got %v %q (%v)", sql, got, p, err)
		}
		return nil
	}
}

// ExpectPacket waits for a packet within an exchange, such as an AuthResponse or a file's data.
func ExpectPacket(payload string) ServerStep {
	return func(s *Server) error {
		p, err := s.ReadPacket()
		if err != nil {
			return fmt.Errorf("expect packet %q: %w", payload, err)
		}
		if string(p) != payload {
			return fmt.Errorf("expect packet %q: got %q", payload, p)
		}
		return nil
	}
}

// ExpectClose waits until the client closes the connection or says COM_QUIT. It is a script's last step.
func ExpectClose() ServerStep {
	return func(s *Server) error {
		c, p, err := s.ReadCommand()
		if err == nil && c == wire.ComQuit {
			return nil // as a server does, it closes without an answer
		}
		if err == nil {
			return fmt.Errorf("expect close: got %v %q", c, p)
		}
		return closed(err)
	}
}

// closed is nil if err says that the other end has gone.
func closed(err error) error {
	var op *net.OpError
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("expect close: %w", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, &op) {
		return nil
	}
	return fmt.Errorf("expect close: %w", err)
}

// Send sends messages in one write.
func Send(ms ...wire.ServerMessage) ServerStep {
	return func(s *Server) error {
		for _, m := range ms {
			if err := s.Send(m); err != nil {
				return err
			}
		}
		return s.Flush()
	}
}

// SendOK sends an OK that says nothing but autocommit.
func SendOK() ServerStep { return Send(&wire.OK{Status: wire.StatusAutocommit}) }

// SendPackets sends payloads as packets, whatever they are.
func SendPackets(payloads ...string) ServerStep {
	return func(s *Server) error {
		for _, p := range payloads {
			if err := s.WritePacket([]byte(p)); err != nil {
				return err
			}
		}
		return s.Flush()
	}
}

// SendBytes sends bytes without a header: broken packets.
func SendBytes(b string) ServerStep {
	return func(s *Server) error {
		_, err := s.Conn.Write([]byte(b))
		return err
	}
}

// SendResult sends a result set of the text protocol.
func SendResult(cols []sqltypes.Column, rows ...sqltypes.Row) ServerStep {
	return func(s *Server) error {
		return s.result(cols, rows, func(b []byte, row sqltypes.Row) ([]byte, error) {
			return wire.AppendTextRow(b, row), nil
		})
	}
}

// SendBinaryResult sends a result set of the binary protocol.
func SendBinaryResult(cols []sqltypes.Column, rows ...sqltypes.Row) ServerStep {
	return func(s *Server) error {
		return s.result(cols, rows, func(b []byte, row sqltypes.Row) ([]byte, error) {
			return wire.AppendBinaryRow(b, cols, row)
		})
	}
}

func (s *Server) result(cols []sqltypes.Column, rows []sqltypes.Row, encode func([]byte, sqltypes.Row) ([]byte, error)) error {
	if err := s.Send(&wire.ColumnCount{Columns: len(cols)}); err != nil {
		return err
	}
	for _, col := range cols {
		if err := s.Send(&wire.ColumnDef{Column: col}); err != nil {
			return err
		}
	}
	if !s.Caps.Has(wire.CapDeprecateEOF) {
		if err := s.Finish(wire.AppendEOF(s.Start(), 0, wire.StatusAutocommit, s.Caps)); err != nil {
			return err
		}
	}
	for _, row := range rows {
		b, err := encode(s.Start(), row)
		if err != nil {
			return err
		}
		if err := s.Finish(b); err != nil {
			return err
		}
	}
	if err := s.Send(&wire.ResultEnd{OK: wire.OK{Status: wire.StatusAutocommit}}); err != nil {
		return err
	}
	return s.Flush()
}

// WaitFor holds the script until ch is closed or gives a value.
func WaitFor(ch <-chan struct{}) ServerStep {
	return func(*Server) error {
		<-ch
		return nil
	}
}

// Signal closes ch: the script has come this far.
func Signal(ch chan<- struct{}) ServerStep {
	return func(*Server) error {
		close(ch)
		return nil
	}
}

// Close cuts the connection.
func Close() ServerStep { return func(s *Server) error { return s.Conn.Close() } }
