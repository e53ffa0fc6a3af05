package http2

import "encoding/binary"

type frameType uint8

const (
	frameData frameType = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	frameWindow
	frameContinuation
)

const (
	flagEnd        = 0x1 // of a stream: DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	frameHead = 9
	// frameSize is how long a frame that comes in may be: what the protocol begins with, and all that is allowed here.
	frameSize = 16 << 10
	// firstWindow is how much may be sent before anything else is agreed.
	firstWindow = 65535
	maxWindow   = 1<<31 - 1
)

// Preface is what a client begins with: the first line has the look of a head of HTTP/1.
const (
	PrefaceHead = "PRI * HTTP/2.0\r\n\r\n"
	prefaceRest = "SM\r\n\r\n"
)

// frame is one frame, a slice of what was read.
type frame struct {
	kind    frameType
	flags   uint8
	stream  uint32
	payload []byte
}

func (f *frame) has(flag uint8) bool { return f.flags&flag != 0 }

// cutFrame takes a frame off p; rest is p while it is not there as a whole.
func cutFrame(p []byte) (f frame, rest []byte, ok bool, err error) {
	if len(p) < frameHead {
		return f, p, false, nil
	}
	size := int(p[0])<<16 | int(p[1])<<8 | int(p[2])
	if size > frameSize {
		return f, p, false, wrong(FrameSizeError, "a frame of %d bytes", size)
	}
	if len(p) < frameHead+size {
		return f, p, false, nil
	}
	f = frame{frameType(p[3]), p[4], binary.BigEndian.Uint32(p[5:]) &^ (1 << 31), p[frameHead : frameHead+size]}
	return f, p[frameHead+size:], true, nil
}

// unpad takes the padding off, and the fields of priority, which are of no concern.
func (f *frame) unpad() ([]byte, error) {
	p, padding := f.payload, 0
	if f.has(flagPadded) {
		if len(p) == 0 {
			return nil, wrong(FrameSizeError, "a padded frame is empty")
		}
		p, padding = p[1:], int(p[0])
	}
	if f.kind == frameHeaders && f.has(flagPriority) {
		if len(p) < 5 {
			return nil, wrong(FrameSizeError, "a priority is cut")
		}
		if binary.BigEndian.Uint32(p)&^(1<<31) == f.stream {
			return nil, wrong(ProtocolError, "a stream depends on itself")
		}
		p = p[5:]
	}
	if padding > len(p) {
		return nil, wrong(ProtocolError, "a frame has more padding than bytes")
	}
	return p[:len(p)-padding], nil
}

func appendFrameHead(out []byte, size int, kind frameType, flags uint8, stream uint32) []byte {
	out = append(out, byte(size>>16), byte(size>>8), byte(size), byte(kind), flags)
	return binary.BigEndian.AppendUint32(out, stream)
}

func appendReset(out []byte, stream uint32, code Code) []byte {
	return binary.BigEndian.AppendUint32(appendFrameHead(out, 4, frameReset, 0, stream), uint32(code))
}

func appendWindow(out []byte, stream uint32, n int) []byte {
	return binary.BigEndian.AppendUint32(appendFrameHead(out, 4, frameWindow, 0, stream), uint32(n))
}

func appendPing(out []byte, flags uint8, data []byte) []byte {
	return append(appendFrameHead(out, 8, framePing, flags, 0), data...)
}

func appendGoAway(out []byte, last uint32, code Code, why string) []byte {
	why = why[:min(len(why), 256)]
	out = appendFrameHead(out, 8+len(why), frameGoAway, 0, 0)
	out = binary.BigEndian.AppendUint32(out, last)
	out = binary.BigEndian.AppendUint32(out, uint32(code))
	return append(out, why...)
}

// setting is one parameter of SETTINGS.
type setting uint16

const (
	setTable   setting = 1 + iota // SETTINGS_HEADER_TABLE_SIZE
	setPush                       // ENABLE_PUSH
	setStreams                    // MAX_CONCURRENT_STREAMS
	setWindow                     // INITIAL_WINDOW_SIZE
	setFrame                      // MAX_FRAME_SIZE
	setHead                       // MAX_HEADER_LIST_SIZE
)

func appendSetting(out []byte, id setting, value uint32) []byte {
	out = binary.BigEndian.AppendUint16(out, uint16(id))
	return binary.BigEndian.AppendUint32(out, value)
}

// eachSetting calls f for each parameter of a frame.
func eachSetting(p []byte, f func(id setting, value uint32) error) error {
	if len(p)%6 != 0 {
		return wrong(FrameSizeError, "SETTINGS of %d bytes", len(p))
	}
	for ; len(p) > 0; p = p[6:] {
		if err := f(setting(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])); err != nil {
			return err
		}
	}
	return nil
}
