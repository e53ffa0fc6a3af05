package wire

// LocalInfile is a server's request that the client sends a file: the answer to LOAD DATA LOCAL. The client sends its
// bytes in packets and ends with an empty one; then an OK or ERR follows.
// Source: MySQL "LOCAL INFILE Request".
type LocalInfile struct{ Name string }

func (*LocalInfile) fromServer() {}

// AppendPayload appends the packet.
func (l *LocalInfile) AppendPayload(b []byte, _ Capability) []byte {
	return append(append(b, 0xfb), l.Name...)
}

// IsLocalInfile reports whether p, the first packet of an answer, asks for a file.
func IsLocalInfile(p []byte) bool { return len(p) > 0 && p[0] == 0xfb }

// ParseLocalInfile decodes what IsLocalInfile has recognised.
func ParseLocalInfile(p []byte) (LocalInfile, error) {
	if !IsLocalInfile(p) {
		return LocalInfile{}, malformed("LOCAL INFILE request")
	}
	return LocalInfile{Name: string(p[1:])}, nil
}

// FileData is one packet of the file; the empty one ends it.
type FileData []byte

func (FileData) fromClient() {}

// AppendPayload appends the packet.
func (d FileData) AppendPayload(b []byte, _ Capability) []byte { return append(b, d...) }
