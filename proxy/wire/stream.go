package wire

import "io"

// Config is what the two ends of a connection need to know.
type Config struct {
	Pool      *Pool // required; one for the process
	MaxPacket int   // limit of a payload that is read, bytes (max_allowed_packet); 0: 1 GiB, the protocol's own
}

// Stream is both directions of one connection: a Reader and a Writer that share the sequence id, and the capabilities
// that were negotiated. It belongs to one goroutine.
type Stream struct {
	*Reader
	*Writer

	// Caps is what both ends have agreed on; packets are built by it. It is 0 until the handshake.
	Caps Capability

	r   Reader
	w   Writer
	seq byte
}

func (s *Stream) init(rw io.ReadWriter, cfg Config, check bool) {
	limit := cfg.MaxPacket
	if limit == 0 {
		limit = 1 << 30
	}
	s.r.init(rw, cfg.Pool, &s.seq, limit, check)
	s.w = Writer{dst: rw, pool: cfg.Pool, seq: &s.seq}
	s.Reader, s.Writer = &s.r, &s.w
}

// Buffered is the number of bytes received and not yet read. (Writer.Buffered is the other direction's.)
func (s *Stream) Buffered() int { return s.r.Buffered() }

// ResetSequence starts a new exchange: the next packet, of either side, has id 0.
func (s *Stream) ResetSequence() {
	s.seq = 0
	if c, ok := s.r.src.(*compression); ok {
		c.seq = 0
	}
}

// Sequence is the id that the next packet has.
func (s *Stream) Sequence() byte { return s.seq }

// Upgrade replaces the connection below by one that encrypts it. It fails with ErrBufferedBytes if the peer has sent
// anything ahead of the handshake of the new layer.
func (s *Stream) Upgrade(rw io.ReadWriter) error {
	if s.r.Buffered() > 0 {
		return ErrBufferedBytes
	}
	s.r.src, s.w.dst = rw, rw
	return nil
}

// Compress puts the compressed protocol below the packets, from the next byte on: after the OK that ends the
// authentication. level is zlib's 1 to 9 or zstd's 1 to 22; 0 takes the algorithm's default. Inside compressed frames
// the packets' own sequence ids are not checked, as servers do not either.
func (s *Stream) Compress(a Algorithm, level int) error {
	if s.r.Buffered() > 0 {
		return ErrBufferedBytes
	}
	c := newCompression(s.r.src, s.w.dst, s.r.pool, a, level, s.r.checkSeq)
	s.r.src, s.w.dst, s.r.checkSeq = c, c, false
	return nil
}

// ServerStream is a connection as its server sees it: it sends what servers say.
type ServerStream struct{ Stream }

// NewServerStream returns the server's end of a connection to a client. Sequence ids of the client are checked.
func NewServerStream(rw io.ReadWriter, cfg Config) *ServerStream {
	s := &ServerStream{}
	s.init(rw, cfg, true)
	return s
}

// ReadCommand reads the client's next command, to which another answer is given.
func (s *ServerStream) ReadCommand() (Command, []byte, error) {
	s.w.NextAnswer()
	return s.r.ReadCommand()
}

// Send puts m into the buffer; Flush sends it.
func (s *ServerStream) Send(m ServerMessage) error {
	return s.w.Finish(m.AppendPayload(s.w.Start(), s.Caps))
}

// ClientStream is a connection as its client sees it: it sends what clients say.
type ClientStream struct{ Stream }

// NewClientStream returns the client's end of a connection to a server. A server's sequence ids are followed, not
// checked: the ERR that a server sends before it closes an idle connection has an id of its own.
func NewClientStream(rw io.ReadWriter, cfg Config) *ClientStream {
	s := &ClientStream{}
	s.init(rw, cfg, false)
	return s
}

// Send puts m, a part of the handshake, into the buffer; Flush sends it.
func (s *ClientStream) Send(m ClientMessage) error {
	return s.w.Finish(m.AppendPayload(s.w.Start(), s.Caps))
}

// SendCommand starts a new sequence and puts the command into the buffer; Flush sends it.
func (s *ClientStream) SendCommand(m CommandMessage) error {
	s.ResetSequence()
	return s.Send(m)
}

// ServerMessage is a packet that a server sends.
type ServerMessage interface {
	// AppendPayload appends the packet's payload as it stands under the capabilities caps.
	AppendPayload(dst []byte, caps Capability) []byte
	fromServer()
}

// ClientMessage is a packet that a client sends.
type ClientMessage interface {
	// AppendPayload appends the packet's payload as it stands under the capabilities caps.
	AppendPayload(dst []byte, caps Capability) []byte
	fromClient()
}

// CommandMessage is a client's packet that starts a new exchange.
type CommandMessage interface {
	ClientMessage
	// Command is the packet's first byte.
	Command() Command
}
