// Has Node load the add-on that SPKI_ADDON names, which a sanitizer watches, in the place of the one in build/node.
const { dlopen } = process;
process.dlopen = (module, file, ...flags) => {
  const ours = /[\\/]spki-pinning\.[\w-]+\.node$/.test(file);
  return dlopen.call(process, module, ours ? process.env.SPKI_ADDON : file, ...flags);
};
