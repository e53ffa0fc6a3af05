package backend

import (
	"errors"
	"fmt"
	"slices"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// authenticator speaks the client's part of an authentication, from the greeting or a switch to the server's OK.
type authenticator struct {
	c      *Conn
	plugin string
	salt   []byte
}

var errInsecure = errors.New("the server asks for the password in clear text, which goes over TLS or a unix socket only")

// maxAuthRounds bounds how often a server may come back before its OK.
const maxAuthRounds = 16

// secure reports whether nobody can read what is sent.
func (a *authenticator) secure() bool {
	return a.c.net != a.c.link || a.c.ds.network() == "unix"
}

// first is the plug-in's first answer to its salt.
func (a *authenticator) first() ([]byte, error) {
	password := []byte(a.c.ds.Password)
	switch a.plugin {
	case wire.AuthNative:
		return wire.NativeScramble(password, a.salt), nil
	case wire.AuthCachingSha2:
		return wire.Sha2Scramble(password, a.salt), nil
	case wire.AuthSha256:
		switch {
		case len(password) == 0:
			return []byte{0}, nil
		case a.secure():
			return wire.ClearPassword(password), nil
		case a.c.ds.ServerKey != nil:
			return wire.EncryptPassword(a.c.dialer.random, a.c.ds.ServerKey, password, a.salt)
		}
		return []byte{sha256RequestKey}, nil
	case wire.AuthClear:
		if !a.secure() {
			return nil, errInsecure
		}
		return wire.ClearPassword(password), nil
	}
	return nil, fmt.Errorf("the server asks for the authentication plug-in %q, which is not supported", a.plugin)
}

// sha256RequestKey asks for the RSA key under sha256_password, where caching_sha2_password has Sha2RequestKey.
// Source: MySQL "SHA256 password authentication".
const sha256RequestKey byte = 0x01

// run reads and answers until the server's OK. An ERR is a *sqlerr.Error.
func (a *authenticator) run() (wire.OK, error) {
	for range maxAuthRounds {
		p, err := a.c.stream.ReadPacket()
		if err != nil {
			return wire.OK{}, fmt.Errorf("read answer to login: %w", err)
		}
		if len(p) == 0 {
			return wire.OK{}, errAnswers
		}
		switch p[0] {
		case 0x00:
			var ok wire.OK
			err := wire.ParseOK(p, a.c.stream.Caps, &ok)
			ok.Info, ok.Track = nil, nil
			return ok, err
		case 0xff:
			return wire.OK{}, wire.ParseErr(p)
		case 0xfe:
			err = a.switchTo(p)
		case 0x01:
			err = a.more(p)
		default:
			err = errAnswers
		}
		if err != nil {
			return wire.OK{}, err
		}
	}
	return wire.OK{}, errAnswers
}

func (a *authenticator) switchTo(p []byte) error {
	request, err := wire.ParseAuthSwitch(p)
	if err != nil {
		return err
	}
	a.plugin, a.salt = request.Plugin, slices.Clone(request.Salt)
	answer, err := a.first()
	if err != nil {
		return err
	}
	return a.answer(answer)
}

func (a *authenticator) more(p []byte) error {
	data, err := wire.ParseAuthMoreData(p)
	if err != nil {
		return err
	}
	switch {
	case a.plugin == wire.AuthCachingSha2 && len(data.Data) == 1 && data.Data[0] == wire.Sha2FastOK:
		return nil
	case a.plugin == wire.AuthCachingSha2 && len(data.Data) == 1 && data.Data[0] == wire.Sha2FullAuth:
		return a.full()
	case a.plugin == wire.AuthCachingSha2 || a.plugin == wire.AuthSha256:
		return a.withKey(data.Data)
	}
	return errAnswers
}

// full sends the password itself: in clear where nobody can read it, else under the server's key.
func (a *authenticator) full() error {
	password := []byte(a.c.ds.Password)
	switch {
	case a.secure():
		return a.answer(wire.ClearPassword(password))
	case a.c.ds.ServerKey != nil:
		return a.encrypted()
	}
	return a.answer([]byte{wire.Sha2RequestKey})
}

// withKey takes the server's RSA key and answers with the password under it.
func (a *authenticator) withKey(pem []byte) error {
	if a.c.ds.ServerKey != nil || a.secure() {
		return errAnswers // not asked for
	}
	key, err := wire.ParsePublicKey(pem)
	if err != nil {
		return err
	}
	enc, err := wire.EncryptPassword(a.c.dialer.random, key, []byte(a.c.ds.Password), a.salt)
	if err != nil {
		return err
	}
	return a.answer(enc)
}

func (a *authenticator) encrypted() error {
	enc, err := wire.EncryptPassword(a.c.dialer.random, a.c.ds.ServerKey, []byte(a.c.ds.Password), a.salt)
	if err != nil {
		return err
	}
	return a.answer(enc)
}

func (a *authenticator) answer(b []byte) error {
	err := a.c.stream.Send(wire.AuthResponse(b))
	if err == nil {
		err = a.c.stream.Flush()
	}
	if err != nil {
		return fmt.Errorf("answer to authentication: %w", err)
	}
	return nil
}
