import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort();
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What is prose: no code, in which `[a](b)` is no link. */
const proseOf = (text: string): string =>
  text
    .replace(/^( *)(```|~~~)[\s\S]*?^\1\2 *$/gm, '')
    .replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, (code) => code.replace(/[[\]]/g, ''));

const linksOf = (text: string): string[] => {
  const prose = proseOf(text);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]*)>?[^)]*\)/g)].map(([, link = '']) => link);
  const named = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, link = '']) => link);
  const html = [...prose.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link = '']) => link);
  return [...inline, ...named, ...html];
};

/** As GitHub makes them: of each heading, the second of the same name with -1; and what is named by `<a id>`. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const withoutBlocks = text.replace(/^( *)(```|~~~)[\s\S]*?^\1\2 *$/gm, '');
  const ofHeadings = [...withoutBlocks.matchAll(/^#{1,6} +(.*?)(?: +#+)? *$/gm)].map(([, heading = '']) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/<[^>]*>/g, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
  const ofTags = [...withoutBlocks.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id);
  return new Set([...ofHeadings, ...ofTags]);
}

/** @returns why a link of a page leads nowhere */
function whyDead(page: string, link: string): string | undefined {
  if (/^(https|mailto):/.test(link)) return undefined;
  if (/^[a-z]+:/i.test(link) || link.startsWith('/')) return 'is neither a path from its page nor an https: address';
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? page : posix.join(dirname(page), decodeURIComponent(path));
  if (file.startsWith('..')) return 'leads out of the repository';
  if (!existsSync(join(ROOT, file))) return `${file} is not there`;
  if (anchor === undefined) return undefined;
  if (!file.endsWith('.md')) return 'has an anchor, and is no page';
  return anchorsOf(read(file)).has(anchor) ? undefined : `${file} has no heading or <a id> for #${anchor}`;
}

describe('The pages', () => {
  it('have no link that leads nowhere, and no anchor that is not there', () => {
    const links = PAGES.flatMap((page) => linksOf(read(page)).map((link) => ({ page, link })));
    assert.ok(PAGES.length > 12 && links.length > 150, `only ${links.length} links of ${PAGES.length} pages were found`);
    const dead = links.flatMap(({ page, link }) => {
      const why = whyDead(page, link);
      return why === undefined ? [] : [`${page}: (${link}) ${why}`];
    });
    assert.deepEqual(dead, []);
  });

  it('are all listed in docs/README.md', () => {
    const index = 'docs/README.md';
    const listed = linksOf(read(index)).map((link) => posix.join('docs', link));
    const pages = PAGES.filter((page) => page.startsWith('docs/') && page !== index);
    assert.deepEqual(
      pages.filter((page) => !listed.includes(page)),
      [],
    );
  });

  it('are named rightly wherever code and examples send somebody to one', () => {
    const files = globSync('**/*.{ts,yaml,yml,json}', {
      cwd: ROOT,
      exclude: (name) => /^(node_modules|\.cache|test)$/.test(name),
    });
    const named = files.flatMap((file) =>
      [...read(file).matchAll(/\b(?:docs\/[\w/-]+|README|CONTRIBUTING|CHANGELOG)\.md(?:#[\w-]+)?/g)].map(([link]) => ({
        file,
        link,
      })),
    );
    assert.ok(named.length > 15, `only ${named.length} were found`);
    const dead = named.flatMap(({ file, link }) => {
      const why = whyDead('README.md', link);
      return why === undefined ? [] : [`${file}: ${link}: ${why}`];
    });
    assert.deepEqual(dead, []);
  });

  const WRONG: [what: string, link: string][] = [
    ['a page that is not there', 'docs/nowhere.md'],
    ['an anchor that no heading has', 'docs/recovery.md#nowhere'],
    ['an anchor in its own page', '#nowhere'],
    ['an anchor in a source', 'model/errors.ts#L10'],
    ['a path of this machine', '/etc/hosts'],
    ['what lies outside', '../elsewhere.md'],
    ['an address that anybody may read along', 'http://example.org'],
  ];
  for (const [what, link] of WRONG)
    it(`would not lead to ${what}`, () => {
      assert.deepEqual(linksOf(`# A\n\nSee [this](${link}), and \`[not](this)\`.\n`), [link]);
      assert.ok(whyDead('README.md', link));
    });

  it('have the anchors that GitHub gives them', () => {
    const text =
      '# It\'s `--until`: a *moment*\n## Two\n## Two\n```\n# no heading\n```\n| <a id="CODE"></a>`CODE` |\n## [Link](a.md) & more';
    assert.deepEqual([...anchorsOf(text)], ['its---until-a-moment', 'two', 'two-1', 'link--more', 'CODE']);
  });

  it('refer to nothing that is not in the repository', () => {
    const files = globSync('**/*.{md,ts,yaml}', { cwd: ROOT, exclude: (name) => /^(node_modules|\.cache)$/.test(name) });
    const outside = files.filter(
      (file) => file !== relative(ROOT, fileURLToPath(import.meta.url)) && /\bDESIGN\b/.test(read(file)),
    );
    assert.deepEqual(outside, []);
  });
});
