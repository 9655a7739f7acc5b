// Imported for what it does. Under a user id without a name, and without HOME, Node cannot tell a home folder and throws;
// a library of ours asks for one while it is loaded, and has no use for it here.
process.env['HOME'] ??= '/';
