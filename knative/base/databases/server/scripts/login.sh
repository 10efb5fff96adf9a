# For the other scripts: the password as an option file, `--defaults-extra-file=<(login "$PASSWORD")`,
# which must be a client's first option. Of MYSQL_PWD MariaDB's client knows nothing when it decides
# whether to check the server's certificate: from 11.4 on it warns of "an insecure passwordless
# login" at each call, and checks nothing. A password among the arguments could be seen by others.
login() {
    local escaped=${1//\\/\\\\}
    printf '[client]\npassword="%s"\n' "${escaped//\"/\\\"}"
}
