package auth

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Made out here, because RSA keys take long and tests in a bubble of fake time
	// would each make their own.
	signers.rsa, signers.ec, signers.ec2, signers.ed, signers.shortRSA = makeSigners()
	goleak.VerifyTestMain(m)
}
