module github.com/adred-codev/ws_poc/kit

go 1.26.0
