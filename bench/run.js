// npm run bench, or npm run bench -- NAME

const BENCHES = ["lines", "data"];

const asked = process.argv.slice(2);
for (const name of asked.filter((each) => !BENCHES.includes(each))) {
  console.error(`There is no bench "${name}"; there are ${BENCHES.join(", ")}.`);
  process.exit(1);
}
console.log(`Node ${process.version}, ${process.platform} ${process.arch}`);
for (const name of asked.length > 0 ? asked : BENCHES) await import(`./${name}.js`);
