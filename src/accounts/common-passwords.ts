/** What anybody tries first, in lower case and long enough to pass the rule of length. */
export const commonPasswords: ReadonlySet<string> = new Set(
  `
    01020304 0123456789 0987654321 10203040 11223344 1122334455 112233445566 12121212 123123123 123321123
    12341234 12344321 123454321 1234554321 1234567890 123456789a 12345678a 123456abc 123456qwerty 12345qwert
    1234pass 1234qwer 123abc123 123qwe123 123qweasd 13131313 13243546 147258369 159357456 19871987 1a2b3c4d
    1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 20202020 20252025 2wsx3edc 31415926 5201314a
    55667788 741852963 789456123 87654321 963852741 98765432 987654321 9876543210 a12345678 a123456789 a1b2c3d4
    a1b2c3d4e5 aa123456 aa12345678 aaaaaaaa1 abc12345 abc123456 abc123abc abcd1234 abcdef123 access123 access14
    admin123 admin123! admin1234 admin12345 admin@123 adminadmin administrator administrator1 alexander
    alexandra america1 andrew123 android1 angel123 angels123 anthony1 anything apollo11 apple123 arsenal1
    asd123asd asdf1234 asdf12345 asdfasdf asdfgh123 asdfghjk asdfghjkl asdfghjkl1 asdfjkl; ashley123 asshole1
    australia autumn2025 azerty123 azertyui azertyuiop babyboy1 babygirl babygirl1 backup123 bailey12 banana12
    banana123 barcelona baseball baseball1 basketball batman123 bayern123 beautiful benjamin berlin123
    bestfriend bismillah bitch123 blessed1 blink182 blueberry bonjour1 borussia broncos1 brooklyn business
    buster12 buster123 butterfly butterfly1 california camaro69 canada123 challenger changeit changeme changeme1
    changeme123 charlie1 charlotte cheeseburger chelsea1 chevrolet chewbacca chicken1 chocolate chocolate1
    chouchou christ123 christian christina cinderella cisco123 cloud123 college1 columbia company1 computer
    computer1 contrasena cookie123 corvette cowboys1 crystal1 daddy123 dallas22
    daniel123 danielle darkness darthvader database dearbook december default1 default123 deutschland diamond1
    digimon1 discovery doctor123 dolphin1 dolphins donald123 doudou123 dragon12 dragon123 drummer1 dumbledore
    eagle123 eagles12 electric electronic elephant elizabeth enterprise everything facebook facebook1 falcon123
    family123 february ferrari1 ficken123 florida1 flower12 flower123 football football1 forever1 frankfurt
    freedom1 friends1 friendship frodo123 fuckyou1 fuckyou123 gabriella gandalf1 garfield germany1 ginger12
    ginger123 godisgood godzilla golden12 goodbye1 google123 gorgeous guest123 guestguest guitar12 hallo123
    hallohallo hamburg1 handsome harley12 harley123 harleydavidson harrypotter heaven123 hello123 hello1234
    hellohello hellokitty helloworld herzchen hockey123 hogwarts honda123 hotstuff hunter12 hunter123 hurricane
    iloveme1 iloveu123 iloveyou iloveyou! iloveyou1 iloveyou2 internet internet1 isabella january1 jennifer
    jennifer1 jessica1 jesus123 jetaime1 jonathan jordan23 joseph123 justice1 juventus kawasaki killer123
    lakers24 letmein1 letmein123 letmeinnow liberty1 liebling lightning linkedin liverpool liverpool1 lkjhgfdsa
    london123 loulou123 lovelove loveyou1 madrid123 maggie12 maggie123 mahalkita manager1 manchester mario123
    marseille master12 master123 masterkey matrix123 matthew1 maverick mercedes metallica michael1 michelle
    michigan mickey12 mickeymouse microsoft midnight minecraft minecraft1 mnbvcxza mommy123 monkey12 monkey123
    motdepasse mother123 mountain musicman mustang1 mustang65 mypassword mysecret mysql123 naruto12 naruto123
    network1 newpassword newyork1 nextcloud nicholas nightmare ninja123 nothing1 november office123 operator
    oracle123 orange12 orange123 owncloud1 p@$$w0rd p@ssw0rd p@ssw0rd1 p@ssword p@ssword1 packers1 panther1
    paradise paris123 parola123 pass1234 pass12345 pass123456 pass@123 pass@1234 passpass passw0rd passw0rd!
    password password! password1 password1! password12 password123 password1234 passwort passwort1 patriots
    peace123 penguins pepper12 pepper123 personal phoenix1 pikachu1 platinum playboy1 poiuytre poiuytrewq
    pokemon1 pokemon123 porsche1 postgres precious predator princess princess1 private1 public123 purple12
    purple123 pussycat q1234567 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazwsx123 qazwsxedc qweasd123 qweasdzxc
    qweqweqwe qwer1234 qwerqwer qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertyui qwertyuiop
    qwertz123 qwertzui qwertzuiop raiders1 rainbow1 ranger12 realmadrid redsox04 remember robert123 rocknroll
    rockstar1 root1234 rootpass rootroot s1234567 samantha samantha1 samsung1 samsung123 sasuke12 sayang123
    schalke04 schatz123 school123 scooby12 scoobydoo scorpion sebastian secret12 secret123 secret1234 security
    security1 september server123 service1 shadow12 shadow123 silver123 skywalker slipknot snoopy12 snowball
    snowman1 soccer123 softball1 soleil123 something sommer123 sommer2025 sommer2026 sonic123 spiderman spitfire
    spongebob spongebob1 spring2025 spring2026 startrek starwars starwars1 steelers stephanie storage1
    strawberry student1 summer123 summer2024 summer2025 summer2026 sunflower sunshine sunshine1 superman
    superman1 supersecret superuser support1 support123 suzuki12 sweetheart sweetie1 system123 teacher1
    teamomucho teiubesc temp1234 temporary terminator tessera1 tessera12 tessera123 test1234 test12345 testing1
    testing123 testpass testpassword testtest texas123 thepassword thomas123 thunder1 tiger123 tinkerbell
    topsecret toyota123 training trustno1 tweety12 university user1234 username useruser valentin valentina
    veronica victoria voldemort wang1234 warrior1 welcome01 welcome1 welcome1! welcome12 welcome123 welcome@123
    wertyuio whatever whatever1 william1 windows1 winnie12 winter123 winter2024 winter2025 winter2026 woaini1314
    woaini520 wolverine x1234567 yamaha12 yankees1 yellow123 z1234567 zaq12wsx zaq1xsw2 zaq1zaq1 zelda123
    zhang123 zxcvbnm, zxcvbnm1 zxcvbnm123 zxcvzxcv zzzzzzzz1
  `
    .trim()
    .split(/\s+/),
);
